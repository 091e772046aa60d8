//! A faulty world, each test named after the fault. What the design promises then stands in its
//! section 4, rules 8 to 11.

mod support;

#[path = "faults/broken.rs"]
mod broken;
#[path = "faults/ending.rs"]
mod ending;
#[path = "faults/exhausted.rs"]
mod exhausted;
#[path = "faults/starting.rs"]
mod starting;
