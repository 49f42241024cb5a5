use super::Failure;
use clap::Args;
#[derive(Debug, Args)]
pub struct NewArguments {
    pub name: Option<std::path::PathBuf>,
}
pub fn new(_: &NewArguments) -> Result<(), Failure> {
    Ok(())
}
