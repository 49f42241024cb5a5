use super::Failure;
use clap::Args;
#[derive(Debug, Args)]
pub struct ApiArguments {
    pub name: Option<std::path::PathBuf>,
}
pub fn api(_: &ApiArguments) -> Result<(), Failure> {
    Ok(())
}
