//! The script's source with line numbers and light highlighting.

use super::Page;
use super::escape::Html;
use std::fmt::Write;

const KEYWORDS: [&str; 27] = [
    "let", "const", "if", "else", "switch", "for", "in", "while", "loop", "do", "until", "return", "break",
    "continue", "fn", "private", "import", "export", "as", "this", "throw", "try", "catch", "true", "false",
    "is", "null",
];

pub fn section(out: &mut String, page: &Page) {
    if page.source.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<section id=\"source\">\n<h2>Script</h2>\n<p class=\"note\"><code>{}</code></p>\n\
         <div class=\"scroll tall\" role=\"region\" aria-label=\"Source of the script\" tabindex=\"0\">",
        Html(page.script_path)
    );
    out.push_str("<pre class=\"source\"><code>");
    highlight(out, page.source);
    out.push_str("</code></pre>\n</div>\n</section>\n");
}

/// Each line in a `span`, which numbers itself by a CSS counter: a copy has no numbers in it.
fn highlight(out: &mut String, source: &str) {
    out.push_str("<span class=l>");
    let mut rest = source.trim_end();
    while !rest.is_empty() {
        let (class, length) = token(rest);
        let (text, tail) = rest.split_at(length);
        for (index, piece) in text.split('\n').enumerate() {
            if index > 0 {
                out.push_str("\n</span><span class=l>");
            }
            let piece = Html(piece.trim_end_matches('\r'));
            let _ = match class {
                "" => write!(out, "{piece}"),
                class => write!(out, "<span class={class}>{piece}</span>"),
            };
        }
        rest = tail;
    }
    out.push_str("\n</span>");
}

/// Class and length in bytes (at least one character) of what `text` begins with.
fn token(text: &str) -> (&'static str, usize) {
    let first = text.chars().next().map_or(1, char::len_utf8);
    let until = |end: &str, from: usize| {
        let found = text.get(from..).and_then(|rest| rest.find(end));
        found.map_or(text.len(), |at| from + at + end.len())
    };
    let run = |wanted: fn(char) -> bool| text.find(|c| !wanted(c)).unwrap_or(text.len()).max(first);
    match text.as_bytes() {
        [b'/', b'/', ..] => ("c", text.find('\n').unwrap_or(text.len())),
        [b'/', b'*', ..] => ("c", until("*/", 2)),
        [b'`', ..] => ("s", until("`", 1)),
        [quote @ (b'"' | b'\''), ..] => ("s", quoted(text, *quote)),
        [b'0'..=b'9', ..] => ("m", run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')),
        [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => {
            let length = run(|c| c.is_ascii_alphanumeric() || c == '_');
            (if KEYWORDS.contains(&&text[..length]) { "k" } else { "" }, length)
        }
        _ => {
            let plain = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '/' | '`' | '"' | '\'' | '_');
            ("", run(plain))
        }
    }
}

/// Length of a string up to its closing quote, or to the end of the line where that is missing.
fn quoted(text: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'\n' => return index,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if byte == quote => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(html: &str) -> String {
        let mut text = String::new();
        for part in html.split('<') {
            text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        }
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        text.replace("&#39;", "'").replace("&amp;", "&")
    }

    #[test]
    fn lines_and_kinds() {
        let mut out = String::new();
        highlight(&mut out, "let a = \"<b>\"; // why\n/* x\ny */ if a > 1.5 {}\n");
        insta::assert_snapshot!(out, @r#"
        <span class=l><span class=k>let</span> a = <span class=s>&quot;&lt;b&gt;&quot;</span>; <span class=c>// why</span>
        </span><span class=l><span class=c>/* x</span>
        </span><span class=l><span class=c>y */</span> <span class=k>if</span> a &gt; <span class=m>1.5</span> {}
        </span>
        "#);
    }

    proptest! {
        #[test]
        fn no_text_is_lost(source in "[a-z0-9 /*`\"'\\\\<>&é\n._]{0,80}") {
            let mut out = String::new();
            highlight(&mut out, &source);
            prop_assert_eq!(plain(&out), source.trim_end().to_owned() + "\n");
        }
    }
}
