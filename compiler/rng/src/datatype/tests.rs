use super::*;

const XSD: &str = "http://www.w3.org/2001/XMLSchema-datatypes";

fn allows(ty: &str, params: &[(&str, &str)], text: &str) -> bool {
    let params = params.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let datatype = Datatype::new(find(XSD, ty).unwrap(), params);
    datatype.check().unwrap();
    datatype.allows(text, None)
}

#[test]
fn lexical_forms() {
    for (ty, good, bad) in [
        ("token", &["", " a  b "][..], &[][..]),
        ("language", &["en", "de-CH-1996"], &["", "-", "toolongword", "e1"]),
        ("NMTOKEN", &["-a", " 1 "], &["", "a b"]),
        ("NMTOKENS", &["a b", " c\n"], &["", " "]),
        ("Name", &["a:b", "_"], &["1", ""]),
        ("NCName", &["a", "ä-1"], &["a:b", ""]),
        ("IDREFS", &["a b"], &["a :b", ""]),
        ("QName", &["a"], &["x:a", ":a", "a:"]),
        ("boolean", &["true", " 0 "], &["yes", "TRUE", ""]),
        ("integer", &["+1", "-0", "99999999999999999999999"], &["", "+", "1.0", "0x1"]),
        ("unsignedByte", &["0", "255", "-0", "+007"], &["256", "-1"]),
        ("long", &["-9223372036854775808"], &["9223372036854775808"]),
        ("decimal", &["1.", ".5", "-1.50"], &[".", "1e3", ""]),
        ("float", &["1e3", "INF", "-INF", "NaN", ".5E-1"], &["inf", "1e", "1e1.5", "+INF"]),
        (
            "dateTime",
            &["2024-02-29T24:00:00Z", "-0001-01-01T00:00:00.5+14:00"],
            &["2023-02-29T00:00:00", "2024-1-01T00:00:00", "0000-01-01T00:00:00", "2024-01-01T24:00:01"],
        ),
        ("date", &["2024-01-01", "12024-01-01-05:00"], &["24-01-01", "2024-13-01"]),
        ("time", &["00:00:00"], &["0:00:00", "25:00:00"]),
        ("gYearMonth", &["2024-02"], &["2024"]),
        ("gYear", &["2024", "2024Z"], &["24"]),
        ("gMonthDay", &["--02-29"], &["--02-30", "02-29"]),
        ("gDay", &["---31"], &["---32"]),
        ("gMonth", &["--12", "--12--"], &["--13"]),
        (
            "duration",
            &["P1Y", "-P1DT2H", "PT0.5S", "P1Y2M3DT4H5M6S"],
            &["P", "PT", "P1S", "1Y", "P1DT", "P1M1Y", "PT1S1S", "P1YT"],
        ),
        ("anyURI", &["", "http://a/b c", "a%20b", "ä"], &["a%2", "a#b#c", ":a"]),
        ("base64Binary", &["", "AAAA", "A A = =", "AAA="], &["AAA", "A===", "AAB="]),
        ("hexBinary", &["", "0aFF"], &["0", "0g"]),
    ] {
        for text in good {
            assert!(allows(ty, &[], text), "{ty} {text:?}");
        }
        for text in bad {
            assert!(!allows(ty, &[], text), "{ty} {text:?}");
        }
    }
}

#[test]
fn parameters() {
    for (ty, params, good, bad) in [
        ("string", &[("pattern", "a|b{2,3}")][..], &["a", "bb", "bbb"][..], &["b", "ab", "bbbb", " a"][..]),
        ("token", &[("pattern", "a b")], &[" a  b "], &["ab"]),
        ("string", &[("pattern", r"[a-z-[aeiou]]+\d\.\p{Lu}")], &["xyz1.A", "b\u{663}.Ä"], &["a1.A", "x1.a", "x1xA"]),
        ("string", &[("pattern", r"[^,\s]{2}[\-_.]\\.*")], &["ab-\\", "äö_\\x y"], &[", -\\", "ab-\\\n"]),
        ("string", &[("pattern", r"\i\c*\p{IsBasicLatin}?")], &["a:b", "_"], &["-", "1"]),
        ("string", &[("pattern", "[-a]+[b-]")], &["-a-b", "a-"], &["b"]),
        ("string", &[("pattern", "$a^")], &["$a^"], &["a"]),
        ("string", &[("pattern", "(a*)*b")], &["aaab", "b"], &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"]),
        ("string", &[("minLength", "2"), ("maxLength", "3")], &["ab", "äöü"], &["a", "abcd"]),
        ("hexBinary", &[("length", "2")], &["abcd"], &["ab"]),
        ("NMTOKENS", &[("length", "2")], &["a b"], &["a"]),
        ("integer", &[("minInclusive", "3"), ("maxExclusive", "10")], &["3", "09"], &["2", "10"]),
        ("decimal", &[("totalDigits", "3"), ("fractionDigits", "1")], &["12.50", "-0001"], &["123.4", "1.25"]),
        ("double", &[("minExclusive", "1e2")], &["1e3", "INF"], &["100", "NaN"]),
        (
            "dateTime",
            &[("minInclusive", "2024-01-01T00:00:00Z")],
            &["2024-01-01T00:00:00Z"],
            &["2024-01-01T00:00:00+01:00"],
        ),
    ] {
        for text in good {
            assert!(allows(ty, params, text), "{ty} {params:?} {text:?}");
        }
        for text in bad {
            assert!(!allows(ty, params, text), "{ty} {params:?} {text:?}");
        }
    }
}

#[test]
fn faulty_parameters() {
    for (ty, name, value) in [
        ("string", "pattern", "("),
        ("string", "pattern", "a)"),
        ("string", "pattern", "[b-a]"),
        ("string", "pattern", "*"),
        ("string", "pattern", r"\y"),
        ("string", "pattern", r"\p{Xx}"),
        ("string", "pattern", r"((a{9999}){9999}){9999}"),
        ("string", "minLength", "x"),
        ("string", "minInclusive", "1"),
        ("integer", "minInclusive", "x"),
        ("boolean", "length", "1"),
        ("integer", "whiteSpace", "collapse"),
    ] {
        assert!(Datatype::new(find(XSD, ty).unwrap(), vec![(name.into(), value.into())]).check().is_err(), "{value}");
    }
}

#[test]
fn equal_values() {
    for (ty, a, b, equal) in [
        ("integer", "10", "+010", true),
        ("decimal", "1.0", "1", true),
        ("string", "a", " a", false),
        ("token", "a b", " a  b", true),
        ("boolean", "true", "1", true),
        ("hexBinary", "aB", "Ab", true),
        ("float", "1e1", "10", true),
        ("float", "1", "x", false),
        ("dateTime", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", true),
    ] {
        let literal = Literal { ty: find(XSD, ty).unwrap(), text: a, ns: "" };
        assert_eq!(literal.equals(b, None), equal, "{ty} {a} {b}");
    }
}
