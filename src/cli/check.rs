use super::Failure;
use clap::Args;
#[derive(Debug, Args)]
pub struct CheckArguments {
    pub name: Option<std::path::PathBuf>,
}
pub fn check(_: &CheckArguments) -> Result<(), Failure> {
    Ok(())
}
