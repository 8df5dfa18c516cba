//! The `userbridge` program; everything is in the library.

fn main() -> std::process::ExitCode {
    userbridge::cli::main()
}
