//! Text from users on its way into HTML, and into JSON inside of a script element.

use serde::Serialize;
use std::fmt;

/// Text as HTML text or as a quoted attribute value. Control characters that HTML does not allow become
/// U+FFFD.
pub struct Html<'a>(pub &'a str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Escaped text as a string: the chart library reads names and hover texts as a little HTML of its own, which
/// knows quotation marks by number only.
pub fn html(text: &str) -> String {
    Html(text).to_string().replace("&quot;", "&#34;")
}

/// `value` as JSON that cannot end the script element it stands in, nor open a comment there.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).map_or_else(|_| "null".to_owned(), |text| inert(&text))
}

/// The same for text that is JSON already, where these three only occur inside of strings.
pub fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The path of a file as an address. Nothing in it is taken for a scheme, a host, a query or a fragment.
pub fn href(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut out = String::with_capacity(path.len());
    for (index, byte) in path.bytes().enumerate() {
        if byte == b'/' && index > 0 && out == "/" {
            continue;
        }
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        let hostile = "</script><!--<script>alert(\"1\")</script>&amp;'\u{1b}\u{0}";
        assert_eq!(
            Html(hostile).to_string(),
            "&lt;/script&gt;&lt;!--&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;&#39;\u{fffd}\u{fffd}"
        );
        assert_eq!(html("a \"b\""), "a &#34;b&#34;");
        let text = json(&hostile);
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
    }

    #[test]
    fn a_path_is_only_a_path() {
        assert_eq!(href("reports/a b#1.html"), "reports/a%20b%231.html");
        assert_eq!(href("javascript:alert('1')"), "javascript%3Aalert%28%271%27%29");
        assert_eq!(href("//host/a"), "/host/a");
        assert_eq!(href("a\\ä\"?.html"), "a/%C3%A4%22%3F.html");
    }
}
