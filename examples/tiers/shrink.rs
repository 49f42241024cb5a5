//! A program that tells the tiers apart, made smaller for as long as it does.

use super::compare::{Difference, Failure, compare};
use super::generator::Program;
use super::world::World;

/// A smaller program with a difference, and that difference.
pub fn shrink(program: &Program, world: &World, found: Difference) -> (Program, Difference) {
    let (mut best, mut difference) = (program.clone(), found);
    loop {
        let before = best.text.len();
        for smaller in [without_lines as fn(&str) -> Vec<String>, without_blocks, without_operands] {
            let mut at = 0;
            loop {
                let tries = smaller(&best.text);
                let next = tries.into_iter().enumerate().skip(at).find_map(|(at, text)| {
                    let candidate = Program { text, ..best.clone() };
                    match compare(&candidate, world) {
                        Err(Failure::Differs(found)) => Some((at, candidate, *found)),
                        _ => None,
                    }
                });
                let Some((found_at, program, found)) = next else { break };
                (at, best, difference) = (found_at, program, found);
            }
        }
        if best.text.len() >= before {
            return (best, difference);
        }
    }
}

/// Each text with some lines less: those that hold whole statements.
fn without_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut tries = Vec::new();
    for from in 0..lines.len() {
        // To where the braces that open here are closed again.
        let mut open = 0i32;
        for to in from..lines.len() {
            open += lines[to].matches('{').count() as i32 - lines[to].matches('}').count() as i32;
            if open < 0 {
                break;
            }
            if open == 0 {
                let kept: Vec<&str> = lines[..from].iter().chain(&lines[to + 1..]).copied().collect();
                tries.push(kept.join("\n"));
                break;
            }
        }
    }
    tries
}

/// Each text with the lines around a block less, and what is in it kept.
fn without_blocks(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut tries = Vec::new();
    for from in 0..lines.len() {
        if !lines[from].ends_with('{') || lines[from].starts_with("fn ") {
            continue;
        }
        let depth = lines[from].len() - lines[from].trim_start().len();
        let ends =
            |line: &str| line.len() - line.trim_start().len() == depth && line.trim_start().starts_with('}');
        if let Some(length) = lines[from + 1..].iter().position(|line| ends(line)) {
            let to = from + 1 + length;
            if lines[to].trim() == "}" {
                let kept: Vec<&str> = lines[..from]
                    .iter()
                    .chain(&lines[from + 1..to])
                    .chain(&lines[to + 1..])
                    .copied()
                    .collect();
                tries.push(kept.join("\n"));
            }
        }
    }
    tries
}

/// Each text with something in parentheses replaced by something plain.
fn without_operands(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut tries = Vec::new();
    for from in 0..bytes.len() {
        if bytes[from] != b'(' {
            continue;
        }
        let mut open = 0i32;
        let close = bytes[from..].iter().position(|byte| {
            open += i32::from(*byte == b'(') - i32::from(*byte == b')');
            open == 0
        });
        let Some(close) = close.map(|at| from + at).filter(|close| close - from > 4) else { continue };
        for plain in ["(1)", "(1.5)", "(ctx.is_flat)"] {
            if plain.len() < close + 1 - from {
                tries.push(format!("{}{plain}{}", &text[..from], &text[close + 1..]));
            }
        }
    }
    tries
}
