//! A faulty world, each test named after the fault. What the design promises then stands in its
//! section 4, rules 8 to 11.

mod broken;
mod ending;
mod exhausted;
mod starting;
