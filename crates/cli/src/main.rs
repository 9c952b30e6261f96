//! The binary `leanset`: see the library of this crate, which is all of it.

fn main() -> std::process::ExitCode {
    leanset_cli::main()
}
