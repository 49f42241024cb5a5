//! `mista why`: what became of a signal, in a session or in a backtest.

use super::arguments::JobArguments;
use super::bots::{STATE, each_record, files, only, unreadable};
use super::{Exit, Failure, print};
use crate::config::parse_date;
use crate::live::state_manager::is_running;
use crate::live::why::{Chapter, Pick, Story, chapter_text, signals_text, tell};
use crate::model::iso;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct WhyArguments {
    /// Name of the bot [default: the only one there is]
    #[arg(conflicts_with = "backtest")]
    bot: Option<String>,
    /// Folder with the state of the bots
    #[arg(long, value_name = "FOLDER", default_value = STATE, conflicts_with = "backtest")]
    state: PathBuf,
    /// Ask about a backtest of this script instead; takes the flags of `mista run`
    #[arg(long, value_name = "SCRIPT")]
    backtest: Option<PathBuf>,
    /// The candle this time lies in (ISO, UTC) [default: the last one decided]
    #[arg(long, value_name = "TIME", value_parser = parse_date, conflicts_with_all = ["last_signal", "signals"])]
    time: Option<i64>,
    /// The last candle at which anything was asked for
    #[arg(long, conflicts_with = "signals")]
    last_signal: bool,
    /// All signals, a line each
    #[arg(long)]
    signals: bool,
    /// Signals from this time on (ISO, UTC, inclusive)
    #[arg(long, value_name = "TIME", value_parser = parse_date, requires = "signals")]
    from: Option<i64>,
    /// Signals before this time (ISO, UTC, exclusive)
    #[arg(long, value_name = "TIME", value_parser = parse_date, requires = "signals")]
    to: Option<i64>,
    #[command(flatten, next_help_heading = "Of a backtest")]
    job: JobArguments,
}

const HELP: &str = "A signal is an entry that a script asked for, or an exit while something was held.

Examples:
  mista why btc_trend                             the last candle
  mista why btc_trend --time 2026-03-01T14:30
  mista why btc_trend --signals --from 2026-03-01
  mista why --backtest strategies/breakout.rhai --last-signal
  mista why --backtest strategies/breakout.rhai --set cooldown_candles=5 --signals";

pub fn why(arguments: &WhyArguments) -> Result<(), Failure> {
    let pick = match (arguments.signals, arguments.last_signal, arguments.time) {
        (true, _, _) => Pick::Signals,
        (_, true, _) => Pick::LastSignal,
        (_, _, Some(time)) => Pick::At(time),
        (_, _, None) => Pick::Last,
    };
    let story = match &arguments.backtest {
        Some(script) => {
            let mut job = arguments.job.load(script)?;
            tell(&mut job, pick)?
        }
        None if arguments.job != JobArguments::default() => {
            let text = "flags of a run need --backtest SCRIPT: a session has its own settings";
            return Err(Failure::new(Exit::Usage, text));
        }
        None => session(arguments, pick)?,
    };
    let Some((first, last)) = story.range else {
        return print(&format!("{}: no candle was decided yet\n", story.title));
    };
    if arguments.signals {
        return signals(arguments, &story);
    }
    match (story.chapters().next_back(), arguments.time) {
        (Some(chapter), _) => print(&chapter_text(&story.title, chapter)),
        (None, Some(time)) => {
            let text = format!(
                "no candle was decided that {} lies in: the first one is {}, the last one {}",
                iso(time),
                iso(first),
                iso(last)
            );
            Err(Failure::new(Exit::Usage, text))
        }
        (None, None) => print(&format!("{}: no signal yet\n", story.title)),
    }
}

fn session(arguments: &WhyArguments, pick: Pick) -> Result<Story, Failure> {
    let folder = arguments.state.as_path();
    let bot = match &arguments.bot {
        Some(bot) => bot.clone(),
        None => only(folder)?,
    };
    let mut story = Story::new(pick);
    each_record(&files(folder, &bot)?, |entry| story.on(entry)).map_err(unreadable)?;
    if story.title.is_empty() {
        story.title.clone_from(&bot);
    }
    if is_running(folder, &bot).is_none() {
        story.finish();
    }
    Ok(story)
}

fn signals(arguments: &WhyArguments, story: &Story) -> Result<(), Failure> {
    let (from, to) = (arguments.from.unwrap_or(i64::MIN), arguments.to.unwrap_or(i64::MAX));
    let within = |chapter: &&Chapter| (from..to).contains(&chapter.candle.open_time);
    let mut text = signals_text(story.chapters().filter(within));
    if text.is_empty() {
        text = "no signals\n".to_owned();
    }
    if story.idle_exits > 0 {
        let count = story.idle_exits;
        text.push_str(&format!("left out: exits asked for while nothing was held, {count} of them\n"));
    }
    print(&text)
}
