//! The one place where values become text: commas are doubled and JSON is escaped here and nowhere else.

use virtc_plan::{Arg, Part, Quote};

use crate::emit::value::{Opts, Piece, Props, Text, Value};

/// Builds an [`Arg`] from text and holes.
#[derive(Default)]
struct ArgBuilder(Vec<Part>);

impl ArgBuilder {
    fn text(&mut self, text: &str) {
        if let Some(Part::Text(last)) = self.0.last_mut() {
            last.push_str(text);
        } else if !text.is_empty() {
            self.0.push(Part::Text(text.to_owned()));
        }
    }

    fn quoted(&mut self, text: &Text, quote: Quote) {
        for piece in text.pieces() {
            match piece {
                Piece::Plain(plain) => self.text(&quote.apply(plain)),
                Piece::Hole(name) => self.0.push(Part::Hole { name: name.clone(), quote }),
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
            self.text(&Quote::Json.apply(key));
            self.text("\":");
            self.value(value);
        }
        self.text("}");
    }
}

/// Where a JSON value has text that the host fills in: JSON pointers.
pub type Holes = Vec<(String, Arg)>;

/// The object as JSON for QMP, with its holes apart.
pub fn props_json(props: &Props) -> (serde_json::Map<String, serde_json::Value>, Holes) {
    let mut holes = Holes::new();
    let map = object_json(props, "", &mut holes);
    (map, holes)
}

fn object_json(props: &Props, at: &str, holes: &mut Holes) -> serde_json::Map<String, serde_json::Value> {
    props
        .iter()
        .map(|(key, value)| (key.to_owned(), value_json(value, &format!("{at}/{}", pointer_token(key)), holes)))
        .collect()
}

fn pointer_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn value_json(value: &Value, at: &str, holes: &mut Holes) -> serde_json::Value {
    match value {
        Value::Text(text) => {
            if let Some(plain) = text.plain() {
                plain.into()
            } else {
                holes.push((at.to_owned(), word_arg(text)));
                word_arg(text).display().into()
            }
        }
        Value::Number(number) => match (u64::try_from(*number), i64::try_from(*number)) {
            (Ok(number), _) => number.into(),
            (Err(_), Ok(number)) => number.into(),
            (Err(_), Err(_)) => serde_json::Value::Null,
        },
        Value::Bool(bool) => (*bool).into(),
        Value::Null => serde_json::Value::Null,
        Value::Object(props) => object_json(props, at, holes).into(),
        Value::Array(values) => {
            let each =
                values.iter().enumerate().map(|(index, value)| value_json(value, &format!("{at}/{index}"), holes));
            each.collect::<Vec<_>>().into()
        }
    }
}

/// The one place where text becomes an argument as it is.
pub fn word_arg(text: &Text) -> Arg {
    let mut out = ArgBuilder::default();
    out.quoted(text, Quote::None);
    Arg(out.0)
}

/// The one place where commas are doubled.
pub fn opts_arg(opts: &Opts) -> Arg {
    let mut out = ArgBuilder::default();
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
    Arg(out.0)
}

/// The one place where JSON options become text.
pub fn json_arg(props: &Props) -> Arg {
    let mut out = ArgBuilder::default();
    out.object(props);
    Arg(out.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::value::{fd, state};

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
