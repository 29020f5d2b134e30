//! The table of datatypes.

use super::WhiteSpace;

/// What a datatype's values look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    NormalizedString,
    Token,
    Language,
    NmToken,
    NmTokens,
    Name,
    NcName,
    NcNames,
    QName,
    Boolean,
    Decimal,
    /// Smallest and largest value, empty where there is none.
    Integer(&'static str, &'static str),
    Float,
    Time(Form),
    AnyUri,
    Base64,
    Hex,
}

/// The forms of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    DateTime,
    Date,
    Time,
    YearMonth,
    Year,
    MonthDay,
    Day,
    Month,
    Duration,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TypeId(pub u8);

const BUILT_IN: &str = "";
const XSD: &str = "http://www.w3.org/2001/XMLSchema-datatypes";
const COMPATIBILITY: &str = "http://relaxng.org/ns/compatibility/datatypes/1.0";

type Row = (&'static str, &'static str, Kind);

/// Numbers of rows are part of stored schemas.
const TABLE: &[Row] = &[
    (BUILT_IN, "token", Kind::Token),
    (BUILT_IN, "string", Kind::String),
    (XSD, "string", Kind::String),
    (XSD, "normalizedString", Kind::NormalizedString),
    (XSD, "token", Kind::Token),
    (XSD, "language", Kind::Language),
    (XSD, "NMTOKEN", Kind::NmToken),
    (XSD, "NMTOKENS", Kind::NmTokens),
    (XSD, "Name", Kind::Name),
    (XSD, "NCName", Kind::NcName),
    (XSD, "ID", Kind::NcName),
    (XSD, "IDREF", Kind::NcName),
    (XSD, "IDREFS", Kind::NcNames),
    (XSD, "ENTITY", Kind::NcName),
    (XSD, "ENTITIES", Kind::NcNames),
    (XSD, "QName", Kind::QName),
    (XSD, "NOTATION", Kind::QName),
    (XSD, "boolean", Kind::Boolean),
    (XSD, "decimal", Kind::Decimal),
    (XSD, "integer", Kind::Integer("", "")),
    (XSD, "nonPositiveInteger", Kind::Integer("", "0")),
    (XSD, "negativeInteger", Kind::Integer("", "-1")),
    (XSD, "nonNegativeInteger", Kind::Integer("0", "")),
    (XSD, "positiveInteger", Kind::Integer("1", "")),
    (XSD, "long", Kind::Integer("-9223372036854775808", "9223372036854775807")),
    (XSD, "int", Kind::Integer("-2147483648", "2147483647")),
    (XSD, "short", Kind::Integer("-32768", "32767")),
    (XSD, "byte", Kind::Integer("-128", "127")),
    (XSD, "unsignedLong", Kind::Integer("0", "18446744073709551615")),
    (XSD, "unsignedInt", Kind::Integer("0", "4294967295")),
    (XSD, "unsignedShort", Kind::Integer("0", "65535")),
    (XSD, "unsignedByte", Kind::Integer("0", "255")),
    (XSD, "float", Kind::Float),
    (XSD, "double", Kind::Float),
    (XSD, "dateTime", Kind::Time(Form::DateTime)),
    (XSD, "date", Kind::Time(Form::Date)),
    (XSD, "time", Kind::Time(Form::Time)),
    (XSD, "gYearMonth", Kind::Time(Form::YearMonth)),
    (XSD, "gYear", Kind::Time(Form::Year)),
    (XSD, "gMonthDay", Kind::Time(Form::MonthDay)),
    (XSD, "gDay", Kind::Time(Form::Day)),
    (XSD, "gMonth", Kind::Time(Form::Month)),
    (XSD, "duration", Kind::Time(Form::Duration)),
    (XSD, "anyURI", Kind::AnyUri),
    (XSD, "base64Binary", Kind::Base64),
    (XSD, "hexBinary", Kind::Hex),
    (COMPATIBILITY, "ID", Kind::NcName),
    (COMPATIBILITY, "IDREF", Kind::NcName),
    (COMPATIBILITY, "IDREFS", Kind::NcNames),
];

/// The type `name` of a library.
pub(crate) fn find(library: &str, name: &str) -> Result<TypeId, String> {
    let row = TABLE.iter().position(|(l, n, _)| *l == library && *n == name);
    match row.and_then(|row| u8::try_from(row).ok()) {
        Some(row) => Ok(TypeId(row)),
        None if TABLE.iter().any(|(l, ..)| *l == library) => Err(format!("there is no datatype `{name}`")),
        None => Err(format!("datatype library `{library}` is not known")),
    }
}

impl TypeId {
    fn row(self) -> Row {
        TABLE.get(usize::from(self.0)).copied().unwrap_or((BUILT_IN, "string", Kind::String))
    }

    pub(crate) fn kind(self) -> Kind {
        self.row().2
    }

    /// Whether what a value means depends on its place: prefixes do.
    pub(crate) fn is_by_place(self) -> bool {
        self.kind() == Kind::QName
    }

    /// Whether this is one of the two types without a library, which take no parameters.
    pub(crate) fn is_built_in(self) -> bool {
        self.row().0 == BUILT_IN
    }

    /// Whether values depend on the namespaces in force.
    pub(crate) fn is_name_with_prefix(self) -> bool {
        self.kind() == Kind::QName
    }
}

impl Kind {
    pub(crate) fn white_space(self) -> WhiteSpace {
        match self {
            Self::String => WhiteSpace::Preserve,
            Self::NormalizedString => WhiteSpace::Replace,
            Self::Token
            | Self::Language
            | Self::NmToken
            | Self::NmTokens
            | Self::Name
            | Self::NcName
            | Self::NcNames
            | Self::QName
            | Self::Boolean
            | Self::Decimal
            | Self::Integer(..)
            | Self::Float
            | Self::Time(_)
            | Self::AnyUri
            | Self::Base64
            | Self::Hex => WhiteSpace::Collapse,
        }
    }
}
