//! The `flaglink` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    flaglink::cli::main()
}
