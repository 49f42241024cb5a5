//! "Did you mean": the nearest of the names that could have stood there.

/// Damerau–Levenshtein distance (optimal string alignment): insertions, deletions, replacements and swaps of
/// neighbours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

/// The nearest candidate, if near enough to be what was meant: one slip in three characters.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let allowed = (length.max(3)) / 3;
    let folded = name.to_lowercase().replace('_', "");
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name && !candidate.is_empty())
        .filter_map(|candidate| {
            if candidate.to_lowercase().replace('_', "") == folded {
                return Some((0, candidate));
            }
            let distance = distance(name, candidate);
            // A replacement of everything is not a slip: `a` for `p`.
            (distance <= allowed && distance < length.min(candidate.chars().count()))
                .then_some((distance, candidate))
        })
        .min_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_slips() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("close", "close", 0),
            ("close", "clsoe", 1),
            ("close", "clos", 1),
            ("upper", "uper", 1),
            ("on_candle", "on_candel", 1),
            ("ca", "abc", 3),
            ("é", "e", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn nearest_is_near_or_nothing() {
        let names = ["close", "open", "is_flat", "entry_price"];
        assert_eq!(nearest("clsoe", names), Some("close"));
        assert_eq!(nearest("isFlat", names), Some("is_flat"));
        assert_eq!(nearest("entry_prize", names), Some("entry_price"));
        assert_eq!(nearest("banana", names), None);
        assert_eq!(nearest("x", ["p"]), None);
    }
}
