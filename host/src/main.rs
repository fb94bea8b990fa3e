//! `agent-factory`: one binary, every role. All of it is in the library; see [`agent_factory::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_factory::cli::main()
}
