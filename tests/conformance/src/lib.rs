//! One behaviour suite, run on every engine.
