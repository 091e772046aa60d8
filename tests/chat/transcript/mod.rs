//! What is said to all, kept over a restart.

mod file;
