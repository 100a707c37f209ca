//! Arguments as forms and templates fill them in.

use schemars::Schema;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::{Value, json};

/// What was left empty is missing.
pub(super) fn filled<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        value => T::deserialize(value).map(Some).map_err(Error::custom),
    }
}

/// The schema of what may be left empty.
pub(super) fn may_be_empty(schema: &mut Schema) {
    let empty = json!({ "const": "" });
    let members = schema.ensure_object();
    if let Some(Value::Array(forms)) = members.get_mut("anyOf") {
        forms.push(empty);
        return;
    }
    let told = ["description", "default"];
    let (told, form): (serde_json::Map<_, _>, _) =
        std::mem::take(members).into_iter().partition(|(name, _)| told.contains(&name.as_str()));
    *members = told;
    members.insert("anyOf".to_owned(), json!([Value::Object(form), empty]));
}

/// A schema in which this member is there, and isn't left empty.
pub(super) fn given(member: &str) -> Value {
    json!({ "required": [member], "properties": { member: { "not": { "enum": [null, ""] } } } })
}

/// Whole numbers, also where they are written with a point, as JSON Schema has them.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let number = match (number.as_u64(), number.as_f64()) {
        (Some(whole), _) => u32::try_from(whole).ok(),
        (None, Some(number)) => as_whole(number),
        _ => None,
    };
    number.ok_or_else(|| Error::custom("a whole number from 0 to 4294967295 is expected"))
}

/// The same, where it may be missing.
pub(super) fn maybe_whole<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u32>, D::Error> {
    match Value::deserialize(d)? {
        Value::Null => Ok(None),
        value => whole(value).map(Some).map_err(Error::custom),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it is whole, and in range
fn as_whole(number: f64) -> Option<u32> {
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    fits.then_some(number as u32)
}
