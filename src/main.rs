//! Arguments → run → exit code, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    mista::cli::main()
}
