//! Parameters of a request, whether they came in a query, a form body or a JSON frame, and what they may look
//! like.

use super::refusal::Refusal;
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Names and values, decoded, each name once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    entries: Vec<(String, String)>,
}

/// The fields of a WebSocket API frame, as they were written.
pub type JsonParams = BTreeMap<String, Box<RawValue>>;

const DECIMAL: &str = "^([0-9]{1,20})(\\.[0-9]{1,20})?$";
const INTEGER: &str = "^[0-9]{1,20}$";
const SYMBOL: &str = "^[\\w\\-._&&[^a-z]]{1,50}$";
const CLIENT_ID: &str = "^[a-zA-Z0-9-_]{1,36}$";

/// Times from here on are in microseconds (as milliseconds, it is the year 5138).
const MICROSECONDS_FROM: i64 = 100_000_000_000_000;

/// More parameters than any request has.
const PARAMETERS_MAX: usize = 200;

/// A time in µs, whether it was written in ms or µs.
pub fn to_micros(time: i64) -> i64 {
    if time >= MICROSECONDS_FROM { time } else { time.saturating_mul(1000) }
}

impl Params {
    /// Of a query and a form body; on a clash the query wins.
    pub fn of_http(query: &str, body: &str) -> Result<Params, Refusal> {
        let mut params = Params::default();
        params.add(query)?;
        let mut form = Params::default();
        form.add(body)?;
        for (name, value) in form.entries {
            if params.text(&name).is_none() {
                params.entries.push((name, value));
            }
        }
        Ok(params)
    }

    fn add(&mut self, encoded: &str) -> Result<(), Refusal> {
        for piece in encoded.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let illegal = || Refusal::bad(-1100, "Illegal characters found in a parameter.");
            let name = percent_decoded(name).ok_or_else(illegal)?;
            let value = percent_decoded(value).ok_or_else(illegal)?;
            if self.entries.len() >= PARAMETERS_MAX {
                let text = format!(
                    "Too many parameters; expected '{PARAMETERS_MAX}' and received '{}'.",
                    encoded.split('&').count()
                );
                return Err(Refusal::bad(-1101, text));
            }
            if self.text(&name).is_some() {
                return Err(Refusal::bad(-1101, "Duplicate values for a parameter detected."));
            }
            self.entries.push((name, value));
        }
        Ok(())
    }

    /// Of a frame's `params`. Numbers and booleans are taken as they were written; null is as not sent.
    pub fn of_json(fields: &JsonParams) -> Params {
        let entries = fields
            .iter()
            .filter(|(_, value)| value.get() != "null")
            .map(|(name, value)| (name.clone(), json_text(value)))
            .collect();
        Params { entries }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// `None` where it was not sent or is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|value| !value.is_empty())
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// Judges the names by a list such as `symbol! limit fromId`, where `!` means that it has to be there.
    /// `common` are names that every request of its kind may have.
    pub fn check_names(&self, known: &str, common: &[&str]) -> Result<(), Refusal> {
        let own = || known.split_whitespace().map(|name| name.trim_end_matches('!'));
        for name in known.split_whitespace().filter_map(|name| name.strip_suffix('!')) {
            self.required(name)?;
        }
        let sent: Vec<&str> = self.names().filter(|name| !common.contains(name)).collect();
        if let Some(empty) = sent.iter().find(|name| own().any(|own| own == **name) && !self.has(name)) {
            return Err(Refusal::bad(-1105, format!("Parameter '{empty}' was empty.")));
        }
        let read = sent.iter().filter(|name| own().any(|own| own == **name)).count();
        if read == sent.len() {
            return Ok(());
        }
        if own().next().is_none() {
            let text = format!("Too many parameters; expected '0' and received '{}'.", sent.len());
            return Err(Refusal::bad(-1101, text));
        }
        let all = self.entries.len();
        let text = format!(
            "Not all sent parameters were read; read '{}' parameter(s) but was sent '{all}'.",
            all - sent.len() + read
        );
        Err(Refusal::bad(-1104, text))
    }

    /// A plain decimal, not negative: no exponent, no sign.
    pub fn decimal(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let digits = |part: &str| (1..=20).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let is_plain = match text.split_once('.') {
            Some((whole, part)) => digits(whole) && digits(part),
            None => digits(text),
        };
        if !is_plain {
            return Err(Refusal::illegal(name, DECIMAL));
        }
        let overflow = |_| Refusal::bad(-1108, format!("Parameter '{name}' overflowed."));
        text.parse().map(Some).map_err(overflow)
    }

    /// A decimal with at most `precision` decimals that are not zero.
    pub fn precise(&self, name: &str, precision: u32) -> Result<Option<Decimal>, Refusal> {
        match self.decimal(name)? {
            Some(value) if value.normalize().scale() > precision => Err(Refusal::too_precise(name)),
            value => Ok(value),
        }
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        if text.len() > 20 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::illegal(name, INTEGER));
        }
        let overflow = |_| Refusal::bad(-1108, format!("Parameter '{name}' overflowed."));
        text.parse().map(Some).map_err(overflow)
    }

    /// How many rows are asked for, at most `most`, where more is refused or taken for it as `usual` does.
    pub fn limit(&self, usual: usize, most: usize) -> Result<usize, Refusal> {
        match self.integer("limit")? {
            None => Ok(usual),
            Some(0) => Err(Refusal::bad(-1130, "Data sent for parameter 'limit' is not valid.")),
            Some(limit) => Ok(usize::try_from(limit).unwrap_or(most).min(most)),
        }
    }

    /// A time in ms, whether it was sent in ms or µs.
    pub fn time(&self, name: &str) -> Result<Option<i64>, Refusal> {
        Ok(self.integer(name)?.map(|time| to_micros(time).div_euclid(1000)))
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "TRUE" | "True") => Ok(Some(true)),
            Some("false" | "FALSE" | "False") => Ok(Some(false)),
            Some(_) => Err(Refusal::illegal(name, "true|false")),
        }
    }

    /// A word of a closed vocabulary.
    pub fn word<T>(
        &self,
        name: &str,
        of: fn(&str) -> Option<T>,
        refusal: impl Fn() -> Refusal,
    ) -> Result<Option<T>, Refusal> {
        self.get(name).map(|text| of(text).ok_or_else(&refusal)).transpose()
    }

    pub fn client_id(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if text.len() > 36 || !text.bytes().all(legal) {
            return Err(Refusal::illegal(name, CLIENT_ID));
        }
        Ok(Some(text))
    }

    /// The text of a symbol, of legal characters.
    pub fn symbol_text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        self.get(name).map(|text| legal_symbol(name, text).map(|()| text)).transpose()
    }

    /// `["A","B"]`.
    pub fn symbol_list(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let list: Vec<String> = serde_json::from_str(text).map_err(|_| Refusal::illegal(name, SYMBOL))?;
        if list.is_empty() {
            return Err(Refusal::bad(-1105, format!("Parameter '{name}' was empty.")));
        }
        for (index, symbol) in list.iter().enumerate() {
            legal_symbol(name, symbol)?;
            if list[..index].contains(symbol) {
                return Err(Refusal::bad(-1151, "Symbol is present multiple times in the list."));
            }
        }
        Ok(Some(list))
    }
}

fn legal_symbol(name: &str, text: &str) -> Result<(), Refusal> {
    let legal = |c: char| (c.is_alphanumeric() && !c.is_ascii_lowercase()) || matches!(c, '-' | '_' | '.');
    match text.chars().count() <= 50 && text.chars().all(legal) {
        true => Ok(()),
        false => Err(Refusal::illegal(name, SYMBOL)),
    }
}

/// A JSON value as text: what stands in a string, or the value as it was written.
pub fn json_text(value: &RawValue) -> String {
    serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// `None` for bytes that are not UTF-8, or a `%` without two hex digits.
pub fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_value(rest.next()?)? << 4 | hex_value(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

pub fn hex_value(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> i32 {
        result.unwrap_err().code
    }

    #[test]
    fn the_query_wins_over_the_body_and_a_name_stands_once_in_each() {
        let params = Params::of_http("symbol=BTCUSDT&price=1", "price=2&quantity=3%2E5").unwrap();
        assert_eq!(params.get("price"), Some("1"));
        assert_eq!(params.get("quantity"), Some("3.5"));
        assert_eq!(code(Params::of_http("a=1&a=2", "")), -1101);
        assert_eq!(code(Params::of_http("a=%ff", "")), -1100);
        assert_eq!(code(Params::of_http("a=%4", "")), -1100);
    }

    #[test]
    fn names_are_judged_by_the_list_of_the_request() {
        let check =
            |query: &str, known: &str| Params::of_http(query, "").unwrap().check_names(known, &["ts"]);
        assert_eq!(check("symbol=A&ts=1", "symbol! limit"), Ok(()));
        let missing = check("limit=1", "symbol! limit").unwrap_err();
        assert_eq!(missing, Refusal::missing("symbol"));
        assert_eq!(code(check("symbol=", "symbol!")), -1102);
        assert_eq!(code(check("symbol=A&limit=", "symbol! limit")), -1105);
        assert_eq!(code(check("x=1", "")), -1101);
        let unread = check("symbol=A&ts=1&x=1", "symbol!").unwrap_err();
        assert_eq!(
            unread.message,
            "Not all sent parameters were read; read '2' parameter(s) but was sent '3'."
        );
        assert_eq!(unread.code, -1104);
    }

    #[test]
    fn numbers_are_plain() {
        for text in ["40000", "40000.0", "40000.00", "0.00000001"] {
            assert!(
                Params::of_http(&format!("price={text}"), "").unwrap().decimal("price").is_ok(),
                "{text}"
            );
        }
        for text in ["1e-06", "-1", "+1", ".5", "5.", "0x1", "1,5", "NaN", "١"] {
            let params = Params { entries: vec![("price".to_owned(), text.to_owned())] };
            assert_eq!(code(params.decimal("price")), -1100, "{text}");
        }
        let params =
            Params::of_http("q=0.123456789&z=0.100000000&big=99999999999999999999.99999999999", "").unwrap();
        assert_eq!(code(params.precise("q", 8)), -1111);
        assert!(params.precise("z", 8).is_ok());
        assert!(params.decimal("big").is_ok() || code(params.decimal("big")) == -1108);
        assert_eq!(code(Params::of_http("n=99999999999999999999", "").unwrap().integer("n")), -1108);
    }

    #[test]
    fn times_are_told_apart_by_their_magnitude() {
        let params = Params::of_http("a=1735689600000&b=1735689600000000", "").unwrap();
        assert_eq!(params.time("a"), Ok(Some(1_735_689_600_000)));
        assert_eq!(params.time("b"), params.time("a"));
    }

    #[test]
    fn frames_give_numbers_as_they_were_written() {
        let fields: JsonParams =
            serde_json::from_str(r#"{"quantity":0.0100,"tiny":1e-05,"symbol":"BTC\u0055SDT","on":true,"none":null,"symbols":["A","B"]}"#)
                .unwrap();
        let params = Params::of_json(&fields);
        assert_eq!(params.get("quantity"), Some("0.0100"));
        assert_eq!(params.get("symbol"), Some("BTCUSDT"));
        assert_eq!(params.boolean("on"), Ok(Some(true)));
        assert_eq!(params.get("none"), None);
        assert_eq!(code(params.decimal("tiny")), -1100);
        assert_eq!(params.symbol_list("symbols").unwrap().unwrap(), ["A", "B"]);
    }

    #[test]
    fn client_ids_and_symbols_have_legal_characters() {
        let of = |name: &str, text: &str| Params { entries: vec![(name.to_owned(), text.to_owned())] };
        assert!(of("id", "mista-Conf_1").client_id("id").is_ok());
        assert_eq!(code(of("id", "a b").client_id("id")), -1100);
        assert_eq!(code(of("id", &"a".repeat(37)).client_id("id")), -1100);
        assert!(of("symbol", "１２３４５６").symbol_text("symbol").is_ok());
        assert_eq!(code(of("symbol", "btcusdt").symbol_text("symbol")), -1100);
        assert_eq!(code(of("s", r#"["A","A"]"#).symbol_list("s")), -1151);
    }
}
