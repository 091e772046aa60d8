//! Attacks on a running server, each named after what the attacker does. What the design promises
//! against them stands in its sections 3 and 4.

mod crowds;
mod door;
mod words;
