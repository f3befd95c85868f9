//! Arguments to command; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    skyeye::cli::main()
}
