//! Values to text: commas are doubled and JSON is escaped here and nowhere else.

use virtc_plan::{Arg, Quote};

use crate::qemu::text::{Piece, Text};
use crate::qemu::value::{Opts, Props, Value};

/// Builds an [`Arg`] from text and placeholders.
struct ArgBuilder(Arg);

impl ArgBuilder {
    fn text(&mut self, text: &str) {
        self.0.push(text);
    }

    fn quoted(&mut self, text: &Text, quote: Quote) {
        for piece in text.pieces() {
            match piece {
                Piece::Plain(plain) => self.0.push_quoted(plain, quote),
                Piece::Placeholder(name) => self.0.push_placeholder(name.clone(), quote),
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => {
                self.text("\"");
                self.quoted(text, Quote::Json);
                self.text("\"");
            }
            Value::Number(number) => self.text(&number.to_string()),
            Value::Bool(bool) => self.text(if *bool { "true" } else { "false" }),
            Value::Null => self.text("null"),
            Value::Object(props) => self.object(props),
            Value::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    self.text(if at == 0 { "[" } else { "," });
                    self.value(value);
                }
                self.text(if values.is_empty() { "[]" } else { "]" });
            }
        }
    }

    fn object(&mut self, props: &Props) {
        self.text("{");
        for (at, (key, value)) in props.iter().enumerate() {
            self.text(if at == 0 { "\"" } else { ",\"" });
            self.0.push_quoted(key, Quote::Json);
            self.text("\":");
            self.value(value);
        }
        self.text("}");
    }
}

/// Where a JSON value has text that the host fills in: JSON pointers.
pub type Placeholders = Vec<(String, Arg)>;

/// The object as JSON for QMP, and its placeholders.
pub fn props_json(props: &Props) -> (serde_json::Map<String, serde_json::Value>, Placeholders) {
    let mut placeholders = Placeholders::new();
    let map = object_json(props, "", &mut placeholders);
    (map, placeholders)
}

fn object_json(props: &Props, at: &str, placeholders: &mut Placeholders) -> serde_json::Map<String, serde_json::Value> {
    props
        .iter()
        .map(|(key, value)| (key.to_owned(), value_json(value, &format!("{at}/{}", pointer_token(key)), placeholders)))
        .collect()
}

fn pointer_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn value_json(value: &Value, at: &str, placeholders: &mut Placeholders) -> serde_json::Value {
    match value {
        Value::Text(text) => {
            if let Some(plain) = text.plain() {
                plain.into()
            } else {
                let arg = word_arg(text);
                let shown = arg.display().into();
                placeholders.push((at.to_owned(), arg));
                shown
            }
        }
        Value::Number(number) => match (u64::try_from(*number), i64::try_from(*number)) {
            (Ok(number), _) => number.into(),
            (Err(_), Ok(number)) => number.into(),
            (Err(_), Err(_)) => serde_json::Value::Null,
        },
        Value::Bool(bool) => (*bool).into(),
        Value::Null => serde_json::Value::Null,
        Value::Object(props) => object_json(props, at, placeholders).into(),
        Value::Array(values) => {
            let each = values
                .iter()
                .enumerate()
                .map(|(index, value)| value_json(value, &format!("{at}/{index}"), placeholders));
            each.collect::<Vec<_>>().into()
        }
    }
}

/// A word as an argument, unchanged.
pub fn word_arg(text: &Text) -> Arg {
    let mut out = ArgBuilder(Arg::default());
    out.quoted(text, Quote::None);
    out.0
}

/// An option of the form `key=value,…` as an argument: commas in values are doubled.
pub fn opts_arg(opts: &Opts) -> Arg {
    let mut out = ArgBuilder(Arg::with_capacity(64));
    for (at, (key, value)) in opts.iter().enumerate() {
        if at > 0 {
            out.text(",");
        }
        if let Some(key) = key {
            out.text(key);
            out.text("=");
        }
        out.quoted(value, Quote::Comma);
    }
    out.0
}

/// A JSON option as an argument.
pub fn json_arg(props: &Props) -> Arg {
    let mut out = ArgBuilder(Arg::with_capacity(160));
    out.object(props);
    out.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::text::{fd, state};

    #[test]
    fn commas_are_doubled_once() {
        let opts = Opts::first("a,b").with("path", state("/x,y")).switch("wait", false);
        assert_eq!(opts_arg(&opts).display(), "a,,b,path={state}/x,,y,wait=off");
    }

    #[test]
    fn json_is_json() {
        let props =
            Props::new().with("a", "q\"\n,").with("n", 3u32).with("l", vec![Value::from(true), Value::from(fd("m"))]);
        assert_eq!(json_arg(&props).display(), r#"{"a":"q\"\n,","n":3,"l":[true,"{fd:m}"]}"#);
    }
}
