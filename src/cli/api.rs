//! `mista api`: what scripts can use, from what is registered.

use super::{Failure, print, write};
use crate::script::{Gives, Item, Place, base_parameters, registered};
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct ApiArguments {
    /// Where to write the definitions
    #[arg(long, value_name = "FILE", default_value = "strategies/api.d.rhai")]
    out: PathBuf,
    /// Print only, write nothing
    #[arg(long)]
    no_write: bool,
}

/// What the sections of the listing are called, in their order.
const SECTIONS: [(Place, &str); 8] = [
    (Place::Params, "In params(): what can be tuned"),
    (Place::Constant, "In init(p): series of the candles"),
    (Place::Init, "In init(p): indicators"),
    (Place::Property, "ctx, read"),
    (Place::Action, "ctx, act (in on_candle; protection, log and plot also in on_fill and on_exit)"),
    (Place::Anywhere, "Functions"),
    (Place::Fill, "fill, in on_fill(ctx, p, fill)"),
    (Place::Trade, "trade, in on_exit(ctx, p, trade)"),
];

pub fn api(arguments: &ApiArguments) -> Result<(), Failure> {
    let items = registered();
    if !arguments.no_write {
        write(&arguments.out, definitions(&items))?;
    }
    print(&listing(&items))
}

/// How an item is written in a script.
fn usage(item: &Item) -> String {
    match item.place {
        Place::Property | Place::Action => format!("ctx.{}", item.signature()),
        Place::Fill => format!("fill.{}", item.name),
        Place::Trade => format!("trade.{}", item.name),
        _ => item.signature(),
    }
}

fn listing(items: &[Item]) -> String {
    let mut out = String::new();
    for (place, title) in SECTIONS {
        let _ = writeln!(out, "{title}");
        for item in items.iter().filter(|item| item.place == place) {
            entry(&mut out, &usage(item), &item.doc);
        }
        out.push('\n');
    }
    out.push_str("Base parameters and risk limits: p.NAME, --set NAME=VALUE, or a plain value in params()\n");
    for parameter in base_parameters() {
        let value = match parameter.default.to_string() {
            empty if empty.is_empty() => "\"\"".to_owned(),
            value => value,
        };
        entry(&mut out, &parameter.name, &format!("{} [default: {value}]", parameter.kind));
    }
    out
}

/// A name and what it is, within 80 columns.
fn entry(out: &mut String, name: &str, doc: &str) {
    const NAME: usize = 32;
    let name = format!("  {name:<NAME$}");
    let options = textwrap::Options::new(80).subsequent_indent("                                    ");
    if name.chars().count() > NAME + 2 {
        let indented = options.initial_indent("                                    ");
        let _ = writeln!(out, "{name}\n{}", textwrap::fill(doc, indented));
    } else {
        let _ = writeln!(out, "{}", textwrap::fill(doc, options.initial_indent(&format!("{name}  "))));
    }
}

/// The same as a definition file, for editors that know Rhai.
fn definitions(items: &[Item]) -> String {
    let mut out = format!(
        "// What a strategy can use in mista {}. Written by `mista api`, from what is registered.\nmodule static;\n",
        env!("CARGO_PKG_VERSION")
    );
    for (place, title) in SECTIONS {
        let _ = writeln!(out, "\n// {title}");
        for item in items.iter().filter(|item| item.place == place) {
            let gives = match item.gives {
                Gives::Nothing => "",
                Gives::Number => "float",
                Gives::Bool => "bool",
                Gives::Text => "String",
                Gives::Series => "series",
            };
            let _ = writeln!(out, "\n/// {}", item.doc);
            let _ = match place {
                Place::Constant => writeln!(out, "const {}: {gives};", item.name),
                Place::Property | Place::Fill | Place::Trade => {
                    let owner = usage(item).split('.').next().unwrap_or("ctx").to_owned();
                    writeln!(out, "fn get {}({owner}) -> {gives};", item.name)
                }
                _ => {
                    let owner = if place == Place::Action { vec!["ctx"] } else { Vec::new() };
                    let arguments: Vec<&str> =
                        owner.into_iter().chain(item.arguments.iter().copied()).collect();
                    let arrow = if gives.is_empty() { String::new() } else { format!(" -> {gives}") };
                    writeln!(out, "fn {}({}){arrow};", item.name, arguments.join(", "))
                }
            };
        }
    }
    out
}
