//! What all contestants of the benchmarks share, so that each is measured by the same code.
//!
//! A contestant is a program. It is started with one [`Order`] as its only argument, in JSON, and prints one [`Answer`]
//! as one line of JSON. Its CPU time and memory are its own, since nothing else runs in its process. How it does the
//! work is its own affair; what the work is, and what the right answers are, is here.

pub mod catalogue;
mod histogram;
#[cfg(feature = "http")]
mod http;
pub mod library;
mod measure;
mod order;
mod process;
pub mod stampede;
pub mod stored;
mod threads;

pub use measure::{Pace, Task, measure};
pub use order::{Answer, Measured, Order, answer};
pub use process::peak_kib;
pub use threads::measure_threads;
