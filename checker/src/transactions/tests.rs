//! Tests of the whole: by name, against brute force, against the check of single lists.

mod brute;
mod fuzz;
mod generate;
mod linearizable;
mod script;
mod simulated;
mod speed;
mod textbook;
