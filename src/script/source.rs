//! The text of a script cut into tokens, to find the token at a position and the one before it.
//!
//! Rhai gives positions without lengths, and none for the name of a function; this fills the gaps. It is not
//! a second parser: it knows where comments and texts end, and what a word is.

/// What a token is, as far as anyone here needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    Number,
    Text,
    Symbol,
}

/// A token: bytes `start..end` of the text, at `line` and `column` (both from 1, columns in characters).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub start: usize,
    pub end: usize,
    pub line: usize,
    pub column: usize,
}

/// A text with its tokens.
pub(super) struct Source<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

impl<'a> Source<'a> {
    pub fn new(text: &'a str) -> Source<'a> {
        Source { text, tokens: Scanner::new(text).run() }
    }

    #[cfg(feature = "native")]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub fn text(&self, token: &Token) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    /// Index of the token that covers a position (a text over several lines covers only its first).
    pub fn index_at(&self, line: usize, column: usize) -> Option<usize> {
        let after = self.tokens.partition_point(|token| (token.line, token.column) <= (line, column));
        let index = after.checked_sub(1)?;
        let token = self.tokens.get(index)?;
        (token.line == line && column < token.column + self.length(token)).then_some(index)
    }

    /// The token that starts at a position.
    pub fn at(&self, line: usize, column: usize) -> Option<&Token> {
        self.index_at(line, column).and_then(|index| self.tokens.get(index)).filter(|t| t.column == column)
    }

    /// Characters of a token on its first line.
    pub fn length(&self, token: &Token) -> usize {
        self.text(token).lines().next().map_or(0, |line| line.chars().count())
    }

    /// Characters of the token that starts at a position, 1 where none does. A sign takes its number along.
    pub fn length_at(&self, line: usize, column: usize) -> usize {
        let Some(index) = self.index_at(line, column) else { return 1 };
        let Some(token) = self.tokens.get(index).filter(|token| token.column == column) else { return 1 };
        let own = self.length(token);
        let after_value = index
            .checked_sub(1)
            .and_then(|before| self.tokens.get(before))
            .is_some_and(|t| t.kind != TokenKind::Symbol || matches!(self.text(t), ")" | "]" | "}"));
        match self.tokens.get(index + 1) {
            Some(next)
                if self.text(token) == "-"
                    && !after_value
                    && next.kind == TokenKind::Number
                    && next.start == token.end =>
            {
                own + self.length(next)
            }
            _ => own.max(1),
        }
    }

    /// The number a position is inside of.
    pub fn number_around(&self, line: usize, column: usize) -> Option<&Token> {
        let token = self.index_at(line, column).and_then(|index| self.tokens.get(index))?;
        (token.kind == TokenKind::Number && token.column < column).then_some(token)
    }

    /// The last token that ends at or before a position.
    pub fn before(&self, line: usize, column: usize) -> Option<&Token> {
        let at = self.tokens.partition_point(|token| (token.line, token.column) < (line, column));
        self.tokens.get(at.checked_sub(1)?)
    }

    /// The name in `fn name(`, for the definition whose body opens at a position.
    pub fn function_name(&self, name: &str, body_line: usize, body_column: usize) -> Option<&Token> {
        let end = self.tokens.partition_point(|t| (t.line, t.column) <= (body_line, body_column));
        let start = self
            .tokens
            .get(..end)?
            .iter()
            .rposition(|t| t.kind == TokenKind::Word && self.text(t) == "fn")?;
        self.tokens.get(start..end)?.iter().find(|t| self.text(t) == name)
    }

    /// The bracket that is open at a position and should not be; at the end of the text, if `at` is `None`.
    ///
    /// Which of several it is, indentation tells: a `}` that begins a line further left than the line of the
    /// `{` it would close belongs to another one.
    pub fn unclosed(&self, open: &str, at: Option<(usize, usize)>) -> Option<&Token> {
        let end = at.map_or(self.tokens.len(), |at| self.tokens.partition_point(|t| (t.line, t.column) < at));
        let mut stack: Vec<(&Token, usize)> = Vec::new();
        let (mut line, mut indent) = (0, 0);
        let mut suspect: Option<&Token> = None;
        for token in self.tokens.get(..end)? {
            let begins_line = token.line != line;
            if begins_line {
                (line, indent) = (token.line, token.column);
            }
            match self.text(token) {
                _ if token.kind != TokenKind::Symbol => {}
                "(" | "[" | "{" | "#{" | "?[" => stack.push((token, indent)),
                ")" | "]" | "}" => {
                    if let Some((opener, opener_indent)) = stack.pop()
                        && begins_line
                        && indent < opener_indent
                    {
                        suspect = suspect.or(Some(opener));
                    }
                }
                _ => {}
            }
        }
        let innermost =
            stack.into_iter().rev().map(|(token, _)| token).find(|t| self.text(t).ends_with(open));
        innermost.map(|token| suspect.filter(|s| self.text(s).ends_with(open)).unwrap_or(token))
    }

    /// The name of the function whose definition a position is in.
    pub fn function_at(&self, line: usize, column: usize) -> Option<&'a str> {
        let end = self.tokens.partition_point(|token| (token.line, token.column) <= (line, column));
        let mut depth = 0_usize;
        let mut name = None;
        let mut tokens = self.tokens.get(..end)?.iter().peekable();
        while let Some(token) = tokens.next() {
            match (token.kind, self.text(token)) {
                (TokenKind::Word, "fn") if depth == 0 => name = tokens.peek().map(|next| self.text(next)),
                (TokenKind::Symbol, "{" | "#{") => depth += 1,
                (TokenKind::Symbol, "}") => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        name = None;
                    }
                }
                _ => {}
            }
        }
        name
    }
}

/// Symbols longer than one character, longest first.
const SYMBOLS: [&str; 28] = [
    "<<=", ">>=", "**=", "..=", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "?[", "..", "::", "=>", "+=",
    "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "**", "#{",
];

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    column: usize,
    tokens: Vec<Token>,
    /// For each `${` being read: how many braces are open inside it.
    interpolations: Vec<usize>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0, line: 1, column: 1, tokens: Vec::new(), interpolations: Vec::new() }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn step(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        if next == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(next)
    }

    fn steps(&mut self, count: usize) {
        for _ in 0..count {
            self.step();
        }
    }

    fn run(mut self) -> Vec<Token> {
        while let Some(next) = self.peek() {
            let (start, line, column) = (self.at, self.line, self.column);
            let kind = match next {
                _ if next.is_whitespace() => {
                    self.step();
                    continue;
                }
                '/' if self.rest().starts_with("//") => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.step();
                    }
                    continue;
                }
                '/' if self.rest().starts_with("/*") => {
                    self.block_comment();
                    continue;
                }
                '"' => {
                    self.step();
                    self.quoted('"');
                    TokenKind::Text
                }
                '\'' => {
                    self.step();
                    self.quoted('\'');
                    TokenKind::Text
                }
                '`' => {
                    self.step();
                    self.template();
                    TokenKind::Text
                }
                '#' if self.raw_hashes().is_some() => {
                    self.raw();
                    TokenKind::Text
                }
                _ if next.is_alphabetic() || next == '_' => {
                    while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
                        self.step();
                    }
                    TokenKind::Word
                }
                _ if next.is_ascii_digit() => {
                    self.number();
                    TokenKind::Number
                }
                _ => {
                    if self.symbol() {
                        TokenKind::Text
                    } else {
                        TokenKind::Symbol
                    }
                }
            };
            self.tokens.push(Token { kind, start, end: self.at, line, column });
        }
        self.tokens
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while !self.rest().is_empty() {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.steps(2);
            } else if self.rest().starts_with("*/") {
                self.steps(2);
                depth -= 1;
                if depth == 0 {
                    return;
                }
            } else {
                self.step();
            }
        }
    }

    fn quoted(&mut self, quote: char) {
        while let Some(next) = self.step() {
            match next {
                '\\' => {
                    self.step();
                }
                // Unterminated: the rest of the text is not swallowed.
                '\n' => return,
                _ if next == quote => return,
                _ => {}
            }
        }
    }

    /// The inside of a template, up to its end or to `${`.
    fn template(&mut self) {
        loop {
            if self.rest().starts_with("${") {
                self.steps(2);
                self.interpolations.push(0);
                return;
            }
            match self.step() {
                None | Some('`') => return,
                Some('\\') => {
                    self.step();
                }
                Some(_) => {}
            }
        }
    }

    /// How many `#` stand before the quote of `#"raw"#`.
    fn raw_hashes(&self) -> Option<usize> {
        let hashes = self.rest().chars().take_while(|c| *c == '#').count();
        self.rest().get(hashes..)?.starts_with('"').then_some(hashes)
    }

    fn raw(&mut self) {
        let hashes = self.raw_hashes().unwrap_or_default();
        let end = format!("\"{}", "#".repeat(hashes));
        self.steps(hashes + 1);
        while !self.rest().is_empty() && !self.rest().starts_with(&end) {
            self.step();
        }
        self.steps(hashes + 1);
    }

    fn number(&mut self) {
        while let Some(next) = self.peek() {
            let mut after = self.rest().chars().skip(1);
            let digit_after = after.next().is_some_and(|c| c.is_ascii_digit());
            let exponent_before = self.text.get(..self.at).is_some_and(|t| t.ends_with(['e', 'E']));
            match next {
                _ if next.is_ascii_alphanumeric() || next == '_' => {}
                '.' if digit_after => {}
                '+' | '-' if exponent_before && digit_after => {}
                _ => return,
            }
            self.step();
        }
    }

    /// Takes a symbol; `true` if it was the brace that goes back into a template.
    fn symbol(&mut self) -> bool {
        let rest = self.rest();
        // Most are one character: a look at the second says so.
        let second = rest.as_bytes().get(1);
        let may_be_longer = second.is_some_and(|second| b"=<>*.?[:{&|".contains(second));
        let longer =
            may_be_longer.then(|| SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol))).flatten();
        let length = longer.map_or(1, |symbol| symbol.len());
        if rest.starts_with('{') || rest.starts_with("#{") {
            if let Some(depth) = self.interpolations.last_mut() {
                *depth += 1;
            }
        } else if rest.starts_with('}') {
            match self.interpolations.last_mut() {
                Some(0) => {
                    self.interpolations.pop();
                    self.step();
                    self.template();
                    return true;
                }
                Some(depth) => *depth -= 1,
                None => {}
            }
        }
        self.steps(length);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let source = Source::new(text);
        let shown: Vec<String> = source
            .tokens
            .iter()
            .map(|token| format!("{}:{} {:?} {}", token.line, token.column, token.kind, source.text(token)))
            .collect();
        shown.join("\n")
    }

    #[test]
    fn cuts_a_script_into_tokens() {
        insta::assert_snapshot!(check(
            "let é = -1.5e-3; // c\n/* a /* b */ } */ x?.y ?? #{ a: 'x' } `t ${ #{b: 1}.b + \"}\" } é` #\"r\"q\"# !(1..=2)"
        ));
    }

    #[test]
    fn survives_unfinished_texts() {
        for text in ["\"abc\nx", "`a ${ b", "`a", "/* a", "'", "#\"abc", "}", "1.", "é", ""] {
            check(text);
        }
    }
}
