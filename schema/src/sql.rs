//! One statement: its text with `?` for each bound value, and the values.
//!
//! The text never holds a value, so nothing needs escaping, and the same text is prepared once per connection when it is marked as fixed.

use chrono::NaiveDateTime;
use diesel::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamp, Untyped};
use std::borrow::Cow;

use crate::db::MultiBackend;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Int(Option<i32>),
    Big(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Time(Option<NaiveDateTime>),
}

macro_rules! value_from {
    ($($source:ty => $variant:ident($convert:expr),)+) => {
        $(impl<'a> From<$source> for Value<'a> {
            fn from(value: $source) -> Self {
                let convert: fn($source) -> _ = $convert;
                Self::$variant(convert(value))
            }
        })+
    };
}

value_from! {
    i32 => Int(Some),
    Option<i32> => Int(|value| value),
    i64 => Big(Some),
    Option<i64> => Big(|value| value),
    String => Text(|value| Some(Cow::Owned(value))),
    Option<String> => Text(|value| value.map(Cow::Owned)),
    NaiveDateTime => Time(Some),
    Option<NaiveDateTime> => Time(|value| value),
    &'a str => Text(|value| Some(Cow::Borrowed(value))),
    Option<&'a str> => Text(|value| value.map(Cow::Borrowed)),
}

#[derive(Clone, Debug)]
pub(crate) struct Sql<'a> {
    /// What the statement is for, as the end of "cannot ...".
    pub(crate) what: &'static str,
    text: String,
    binds: Vec<Value<'a>>,
    fixed: bool,
}

impl<'a> Sql<'a> {
    /// A statement whose text is the same at each call: it stays prepared.
    pub(crate) fn fixed(what: &'static str, text: impl Into<String>) -> Self {
        Self {
            what,
            text: text.into(),
            binds: Vec::new(),
            fixed: true,
        }
    }

    /// A statement whose length depends on the batch: prepared for this call only, else each size would stay in memory.
    pub(crate) fn batch(what: &'static str, text: impl Into<String>) -> Self {
        Self {
            what,
            text: text.into(),
            binds: Vec::new(),
            fixed: false,
        }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Binds the next `?` of the text.
    pub(crate) fn bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.binds.push(value.into());
        self
    }

    /// Adds a `?` and binds it.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value<'a>>) -> &mut Self {
        self.text.push('?');
        self.binds.push(value.into());
        self
    }

    /// Adds `(?, ?, ...)`.
    pub(crate) fn push_list<T: Into<Value<'a>>>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        self.text.push('(');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.push_bind(value);
        }
        self.text.push(')');
        self
    }

    /// The same as an expression: `.. IN` and a list.
    pub(crate) fn list<T: Into<Value<'a>>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        self.push_list(values);
        self
    }

    pub(crate) fn then(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }
}

const NO_INT: &Option<i32> = &None;
const NO_BIG: &Option<i64> = &None;
const NO_TEXT: &Option<String> = &None;
const NO_TIME: &Option<NaiveDateTime> = &None;

impl QueryFragment<MultiBackend> for Sql<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        if !self.fixed {
            out.unsafe_to_cache_prepared();
        }
        let mut binds = self.binds.iter();
        for (index, text) in self.text.split('?').enumerate() {
            if index > 0 {
                let bind = binds.next().ok_or_else(|| mismatch(self.what))?;
                push_value(&mut out, bind)?;
            }
            out.push_sql(text);
        }
        if binds.next().is_some() {
            Err(mismatch(self.what))
        } else {
            Ok(())
        }
    }
}

fn mismatch(what: &str) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(
        format!("placeholders and values differ in number: {what}").into(),
    )
}

fn push_value<'b>(out: &mut AstPass<'_, 'b, MultiBackend>, value: &'b Value<'_>) -> QueryResult<()> {
    match value {
        Value::Int(Some(value)) => out.push_bind_param::<Integer, i32>(value),
        Value::Int(None) => out.push_bind_param::<Nullable<Integer>, _>(NO_INT),
        Value::Big(Some(value)) => out.push_bind_param::<BigInt, i64>(value),
        Value::Big(None) => out.push_bind_param::<Nullable<BigInt>, _>(NO_BIG),
        Value::Text(Some(value)) => out.push_bind_param::<Text, str>(value.as_ref()),
        Value::Text(None) => out.push_bind_param::<Nullable<Text>, _>(NO_TEXT),
        Value::Time(Some(value)) => out.push_bind_param::<Timestamp, NaiveDateTime>(value),
        Value::Time(None) => out.push_bind_param::<Nullable<Timestamp>, _>(NO_TIME),
    }
}

impl QueryId for Sql<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Sql<'_> {
    type SqlType = Untyped;
}

impl<Connection> RunQueryDsl<Connection> for Sql<'_> {}
