//! The requirements, the attacks and the faults once more: here every server encrypts, and so does
//! whoever speaks to it.

#![allow(
    clippy::duplicate_mod,
    reason = "the same tests, run in another way by the name of their module"
)]

#[path = "faults/mod.rs"]
mod faults;
#[path = "hostile/mod.rs"]
mod hostile;
#[path = "requirements.rs"]
mod requirements;
