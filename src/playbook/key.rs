//! What a repeat of a call is known by.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What a repeat of a call is known by, or that it is known by nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// By this: 1 to 500 characters, not all of them blanks.
    Given(String),
    /// By nothing, whatever run it is of: `false`.
    No,
}

impl<T: Into<String>> From<T> for IdempotencyKey {
    fn from(key: T) -> Self {
        Self::Given(key.into())
    }
}

impl Serialize for IdempotencyKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Given(key) => s.serialize_str(key),
            Self::No => s.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for IdempotencyKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Value::deserialize(d)? {
            Value::String(key) => Ok(Self::Given(key)),
            Value::Bool(false) => Ok(Self::No),
            _ => Err(D::Error::custom("idempotency_key: it is a text, or false")),
        }
    }
}

impl JsonSchema for IdempotencyKey {
    fn schema_name() -> Cow<'static, str> {
        "IdempotencyKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a repeat of a call is known by; false for nothing.",
            "anyOf": [
                { "type": "string", "minLength": 1, "maxLength": 500, "pattern": r"\S" },
                { "const": false },
            ],
        })
    }
}
