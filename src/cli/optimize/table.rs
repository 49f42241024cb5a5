//! Trials as a table of at most 80 columns.

use crate::optimize::{Found, Study, top_columns};
use crate::report::figures;
use std::fmt::Write as _;

const WIDTH: usize = 80;
/// Figures shown of each trial.
const FIGURES: usize = 4;

/// The best trials, the best first: some figures, then the parameters that differ among them, as many as fit.
pub fn trials(study: &Study, found: &[&Found]) -> String {
    let grid = &study.plan.grid;
    let keys: Vec<&str> = top_columns(study.plan.metric.key()).into_iter().take(FIGURES).collect();
    let labels: Vec<Vec<String>> = found.iter().map(|found| grid.labels(found.number)).collect();
    let mut heads = vec!["#".to_owned()];
    heads.extend(keys.iter().map(|key| figures::label(key).to_owned()));
    let row = |(index, found): (usize, &&Found)| {
        let figures = keys.iter().map(|key| figures::text(key, found.figures.get(key)));
        std::iter::once((index + 1).to_string()).chain(figures).collect()
    };
    let mut rows: Vec<Vec<String>> = found.iter().enumerate().map(row).collect();
    let mut left = 0;
    for (axis, name) in grid.axes.iter().map(|axis| axis.name.as_str()).enumerate() {
        let differs = labels.iter().any(|row| row[axis] != labels[0][axis]);
        if !differs && labels.len() > 1 {
            continue;
        }
        heads.push(name.to_owned());
        rows.iter_mut().zip(&labels).for_each(|(row, labels)| row.push(labels[axis].clone()));
        if widths(&heads, &rows).iter().map(|width| width + 2).sum::<usize>() > WIDTH + 2 {
            heads.pop();
            rows.iter_mut().for_each(|row| drop(row.pop()));
            left += 1;
        }
    }
    let mut out = columns(&heads, &rows);
    if left > 0 {
        let (s, them) = if left == 1 { ("", "it") } else { ("s", "them") };
        let _ = writeln!(
            out,
            "({left} more parameter{s} differ{}: the report shows {them})",
            if left == 1 { "s" } else { "" }
        );
    }
    out
}

fn widths(heads: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |(index, head): (usize, &String)| {
        let cells = rows.iter().filter_map(|row| row.get(index)).chain([head]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    heads.iter().enumerate().map(width).collect()
}

/// Right-aligned columns, two spaces apart.
pub fn columns(heads: &[String], rows: &[Vec<String>]) -> String {
    let widths = widths(heads, rows);
    let mut out = String::new();
    for row in std::iter::once(heads).chain(rows.iter().map(Vec::as_slice)) {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        let _ = writeln!(out, "{}", cells.join("  ").trim_end());
    }
    out
}
