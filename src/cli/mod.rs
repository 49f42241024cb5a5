//! L5: the command line, one file per verb.

mod api;
mod arguments;
mod bots;
mod check;
mod doctor;
mod exchange;
mod fetch;
mod forward_test;
mod new;
mod optimize;
mod outputs;
mod replay;
mod run;
mod series;
mod status;
mod torture;
mod trade;
mod verify;
mod watch;
mod why;

use crate::config::LogLevel;
use crate::job::JobError;
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::OnceLock;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

/// What the process ends with. Documented in README.md; scripts may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    /// A file could not be written, or something unforeseen.
    Failed = 1,
    /// A flag, a config file or a parameter is wrong.
    Usage = 2,
    /// The script does not load, or failed while it ran.
    Script = 3,
    /// The candle file cannot be used.
    Data = 4,
    /// `mista doctor` found a problem.
    Unfit = 5,
    /// Ctrl-C, or asked to end, before it was done.
    Stopped = 130,
}

/// An error as the command line shows it. An empty message: everything has been said.
#[derive(Debug, Clone)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into() }
    }

    /// With the file that it is about, where it does not begin with it.
    fn about(mut self, path: &std::path::Path) -> Failure {
        let path = path.display().to_string();
        if !self.message.starts_with(&path) {
            let between = if self.message.contains('\n') { ":\n" } else { ": " };
            self.message = format!("{path}{between}{}", self.message);
        }
        self
    }

    /// As one of several: what failed, and why.
    fn of(&self, what: &str) -> String {
        let message = &self.message;
        match message.contains('\n') {
            true => format!("failed: {what}\n{message}"),
            false if message.starts_with(what) => format!("failed: {message}"),
            false => format!("failed: {what}: {message}"),
        }
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        let exit = match &error {
            JobError::Config(_)
            | JobError::CoarseDetail { .. }
            | JobError::ForeignDetail { .. }
            | JobError::EmptyRange { .. } => Exit::Usage,
            JobError::Script(_) | JobError::Fault(_) => Exit::Script,
            JobError::Data(_) | JobError::NotBundled => Exit::Data,
        };
        let message = match error {
            JobError::Script(error) if std::io::stderr().is_terminal() => error.render(true),
            error => error.to_string(),
        };
        Failure::new(exit, message)
    }
}

impl From<crate::script::ScriptError> for Failure {
    fn from(error: crate::script::ScriptError) -> Self {
        JobError::from(error).into()
    }
}

impl From<crate::engine::StrategyFault> for Failure {
    fn from(fault: crate::engine::StrategyFault) -> Self {
        JobError::from(fault).into()
    }
}

#[derive(Debug, Parser)]
#[command(
    name = "mista",
    version,
    about = "Backtest and trade strategies written as small Rhai scripts, through one engine.",
    after_help = "Start with:  mista run strategies/breakout.rhai\n\nExit codes: 0 done, 1 failed, 2 wrong flag, config or parameter, 3 script error, 4 unusable candles, 5 a problem that doctor found, 130 stopped.",
    max_term_width = 100
)]
struct Arguments {
    /// Say more about what is going on, on standard error
    #[arg(short, long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Backtest a script and write a report
    Run(run::RunArguments),
    /// Check a script as a compiler would, and prove that it does not look ahead
    Check(check::CheckArguments),
    /// Write a new, commented script and its snapshot test
    New(new::NewArguments),
    /// Search a script's parameters, and judge what was found
    Optimize(Box<optimize::OptimizeArguments>),
    /// Run best parameters on later candles: promised against delivered
    ForwardTest(forward_test::ForwardTestArguments),
    /// Run a result again, and say whether it still is the same
    Verify(verify::VerifyArguments),
    /// Print what scripts can use, and write strategies/api.d.rhai
    Api(api::ApiArguments),
    /// Trade a script: on an exchange of its own, on paper, on the test network, or live
    Trade(Box<trade::TradeArguments>),
    /// Kill a trader over and over, and compare its books with the exchange's
    Torture(torture::TortureArguments),
    /// Run a session again from its journal, and say whether it comes out the same
    Replay(replay::ReplayArguments),
    /// Run an exchange on this machine: candles replayed over Binance's protocol, with play money
    Exchange(Box<exchange::ExchangeArguments>),
    /// Would this machine trade? Network, clock, key, symbol, money, disk, config, scripts: a line each
    Doctor(Box<doctor::DoctorArguments>),
    /// What a trader does, or did: position, orders, risk, script, from its files alone
    Status(status::StatusArguments),
    /// Why a signal became a trade or did not, in a session or a backtest
    Why(Box<why::WhyArguments>),
    /// Download candles, or read the exchange's dumps, into candle files
    Fetch(fetch::FetchArguments),
    /// Write indicators as columns of a CSV file
    Series(series::SeriesArguments),
}

/// Runs the verb on a thread of its own.
pub fn main() -> ExitCode {
    let failed = ExitCode::from(Exit::Failed as u8);
    match std::thread::Builder::new().stack_size(crate::script::STACK).spawn(arguments_to_exit) {
        Ok(thread) => thread.join().unwrap_or(failed),
        Err(error) => {
            complain(&format!("error: cannot start a thread: {error}"));
            failed
        }
    }
}

/// Writes to standard error. There is nobody to tell when that is closed.
fn complain(message: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// Sets how much is said.
static LOG_LEVEL: OnceLock<Box<dyn Fn(Option<LevelFilter>) + Send + Sync>> = OnceLock::new();

/// How much is said from now on; `None`: as at the start.
fn set_log_level(level: Option<LogLevel>) {
    let level = level.map(|level| match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    });
    set_log_filter(level);
}

fn set_log_filter(level: Option<LevelFilter>) {
    if let Some(set) = LOG_LEVEL.get() {
        set(level);
    }
}

/// Parses the arguments of the process, runs the verb, prints what went wrong.
fn arguments_to_exit() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            // Nothing is left to report to when the terminal is gone.
            let _ = error.print();
            return ExitCode::from(code as u8);
        }
    };
    let started = if arguments.verbose { tracing::Level::INFO } else { tracing::Level::WARN };
    let (filter, handle) = reload::Layer::new(LevelFilter::from_level(started));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    let set = move |level: Option<LevelFilter>| {
        // It fails only when nobody logs any more.
        let _ = handle.modify(|filter| *filter = level.unwrap_or(LevelFilter::from_level(started)));
    };
    let _ = LOG_LEVEL.set(Box::new(set));
    let result = match arguments.verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Check(arguments) => check::check(&arguments),
        Verb::New(arguments) => new::new(&arguments),
        Verb::Optimize(arguments) => optimize::optimize(&arguments),
        Verb::ForwardTest(arguments) => forward_test::forward_test(&arguments),
        Verb::Verify(arguments) => verify::verify(&arguments),
        Verb::Api(arguments) => api::api(&arguments),
        Verb::Trade(arguments) => trade::trade(&arguments),
        Verb::Torture(arguments) => torture::torture(&arguments),
        Verb::Replay(arguments) => replay::replay(&arguments),
        Verb::Exchange(arguments) => exchange::exchange(&arguments),
        Verb::Doctor(arguments) => doctor::doctor(&arguments),
        Verb::Status(arguments) => status::status(&arguments),
        Verb::Why(arguments) => why::why(&arguments),
        Verb::Fetch(arguments) => fetch::fetch(&arguments),
        Verb::Series(arguments) => series::series(&arguments),
    };
    match result {
        Ok(()) => ExitCode::from(Exit::Ok as u8),
        Err(failure) => {
            if !failure.message.is_empty() {
                complain(&with_prefix(&failure.message));
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Diagnostics with their own frame speak for themselves; a bare sentence is marked as an error.
fn with_prefix(message: &str) -> String {
    if message.contains('\n') { message.to_owned() } else { format!("error: {message}") }
}

/// Prints to standard output. A reader that has gone away (`| head`) is no error.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a result file whole or not at all.
fn write(path: &std::path::Path, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    crate::report::write_atomic(path, bytes)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot write {}: {error}", path.display())))
}
