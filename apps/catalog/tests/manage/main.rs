//! Running and looking after the catalogue: backups on both engines and across, the commands, and the files of `deploy/`.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; the names say what they hold"
)]

mod backup;
mod commands;
mod deploy;
mod deploy_on_one_machine;
#[path = "../topology/files.rs"]
mod files;
mod images_and_units;
mod right_database;
#[path = "../program/service.rs"]
mod service;
mod tables;
