//! A new migration file must reach `migrations!()` without a clean build.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
