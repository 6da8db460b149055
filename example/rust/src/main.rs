//! Prints the sum of its arguments.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().skip(1).map(|word| word.parse::<i64>()).sum::<Result<i64, _>>() {
        Ok(sum) => println!("{sum}"),
        Err(error) => {
            eprintln!("sum: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
