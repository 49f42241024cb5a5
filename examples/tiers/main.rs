//! Random strategies in both tiers, compared call by call. A difference is a bug in one of them.
//!
//! ```text
//! cargo run --profile fuzz --example tiers -- --programs 1000000 --seed 1 --threads 2
//! cargo run --profile fuzz --example tiers -- --seed 17 --show             one program, its text and what came of it
//! cargo run --profile fuzz --example tiers -- --planted                    mistakes on purpose: at which program each is found
//! ```
//! Program *n* of a run is the one of seed `seed + n`. The first difference is shown with its seed, the program and a
//! smaller one, and ends the run with exit code 1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod compare;
mod generator;
#[cfg(feature = "native")]
mod planted;
mod shrink;
mod tally;
mod world;

use compare::{Failure, compare};
use generator::generate;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use tally::Tally;
use world::World;

struct Arguments {
    programs: u64,
    seed: u64,
    threads: usize,
    show: bool,
    planted: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments { programs: 10_000, seed: 1, threads: 1, show: false, planted: false };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut number = || {
            let value = given.next().and_then(|value| value.parse::<u64>().ok());
            value.ok_or_else(|| format!("{name} takes a whole number"))
        };
        match name.as_str() {
            "--programs" => found.programs = number()?,
            "--seed" => found.seed = number()?,
            "--threads" => found.threads = number()?.max(1) as usize,
            "--show" => found.show = true,
            "--planted" => found.planted = true,
            _ => {
                let known = "--programs, --seed, --threads, --show, --planted";
                return Err(format!("unknown: {name}; takes {known}"));
            }
        }
    }
    Ok(found)
}

fn main() -> ExitCode {
    let given = match arguments() {
        Ok(given) => given,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    if given.show {
        return show(given.seed);
    }
    if given.planted {
        return planted(&given);
    }
    let begin = Instant::now();
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..given.threads {
            let work = || {
                let (mut tally, world) = (Tally::default(), World::new());
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= given.programs {
                        break;
                    }
                    if let Err(text) = one(given.seed + index, &world, &mut tally) {
                        stop.store(true, Ordering::Relaxed);
                        println!("{text}");
                    }
                }
                total.lock().unwrap().add(tally);
            };
            // Each with a pool of its own for indicators: one shared pool is a queue.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).stack_size(mista::script::STACK);
            let pool = pool.build().unwrap();
            std::thread::Builder::new().spawn_scoped(scope, move || pool.install(work)).unwrap();
        }
    });
    println!("{}", total.into_inner().unwrap().shown(begin.elapsed()));
    ExitCode::from(u8::from(stop.into_inner()))
}

/// One program. The text of an error is what a person needs to look into it.
fn one(seed: u64, world: &World, tally: &mut Tally) -> Result<(), String> {
    let begin = Instant::now();
    let program = generate(seed);
    tally.generating += begin.elapsed();
    match compare(&program, world) {
        Ok(compared) => {
            tally.note(&program, &compared, begin.elapsed());
            Ok(())
        }
        Err(Failure::Refused(error)) => Err(format!("program {seed} was refused at load\n{error}")),
        Err(Failure::Differs(difference)) => {
            let first = format!("{difference}");
            let (small, less) = shrink::shrink(&program, world, *difference);
            let text = &program.text;
            Err(format!(
                "program {seed} differs\n{text}\n{first}\n=== made smaller\n{}\nwith {:?}\n{less}",
                small.text, small.values
            ))
        }
    }
}

fn show(seed: u64) -> ExitCode {
    let program = generate(seed);
    println!("{}\nwith {:#?}", program.text, program.values);
    let mut tally = Tally::default();
    match one(seed, &World::new(), &mut tally) {
        Ok(()) => {
            tally.faults.iter().for_each(|(line, count)| println!("{count} × {line}"));
            ExitCode::SUCCESS
        }
        Err(text) => {
            println!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// Looks for each mistake in turn. Success is to find them all.
#[cfg(feature = "native")]
fn planted(given: &Arguments) -> ExitCode {
    let world = World::new();
    let mut missed = 0;
    for mistake in planted::ALL {
        let found =
            (given.seed..given.seed + given.programs).find(|seed| planted::finds(mistake, *seed, &world));
        match found {
            Some(seed) => println!("{:<60} found at program {}", mistake.what, seed - given.seed + 1),
            None => {
                missed += 1;
                println!("{:<60} NOT found in {} programs", mistake.what, given.programs);
            }
        }
    }
    println!("{} of {} found", planted::ALL.len() - missed, planted::ALL.len());
    ExitCode::from(u8::from(missed > 0))
}

#[cfg(not(feature = "native"))]
fn planted(_: &Arguments) -> ExitCode {
    eprintln!("there is no compiled tier in this build");
    ExitCode::from(2)
}
