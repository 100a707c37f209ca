//! A call of the API as data: what is fixed about it ([`Spec`]), one request of it ([`Call`]), and the
//! trait that makes both out of a typed value ([`Operation`]).

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Error, Result};

/// Whether a call may be repeated when its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Safety {
    /// It changes nothing.
    Read,
    /// Repeating it leaves the same state.
    Idempotent,
    /// Repeating it may do it twice, so it isn't repeated unless the first try certainly wasn't sent.
    Once,
}

/// The service's limits on one operation, per application and tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Quota {
    /// Calls in a minute.
    pub per_minute: u32,
    /// Calls in an hour, where the documentation gives a figure.
    pub per_hour: Option<u32>,
}

impl Quota {
    /// What most operations have: 100 calls a minute, 1,500 an hour.
    pub const COMMON: Self = Self { per_minute: 100, per_hour: Some(1500) };
}

/// What is fixed about an operation: its name, wire call, roles, quota and safety.
///
/// ```
/// use defender_response::{Isolate, Operation, Safety};
///
/// assert_eq!(Isolate::SPEC.name, "isolate");
/// assert_eq!(Isolate::SPEC.roles, ["Machine.Isolate"]);
/// assert_eq!(Isolate::SPEC.safety, Safety::Once);
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spec {
    /// The operation's name, the same in errors, traces, the emulator's journal and the documentation.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path below `/api`, with `{}` for what varies. Calls of one method and route share a quota.
    pub route: &'static str,
    /// The application roles, of which any one allows the call.
    pub roles: &'static [&'static str],
    /// The service's limits.
    pub quota: Quota,
    /// Whether it may be repeated when its answer was lost.
    pub safety: Safety,
    /// The longest answer that is read, in bytes.
    pub answer_limit: usize,
    /// Whether it goes before other calls that wait for the same quota.
    pub urgent: bool,
}

impl Spec {
    /// A read if the method is GET, and otherwise one that must not be repeated; the common quota, and an answer of at most
    /// 1 MiB. The setters change that.
    #[must_use]
    pub const fn new(
        name: &'static str,
        method: Method,
        route: &'static str,
        roles: &'static [&'static str],
    ) -> Self {
        let safety = match method {
            Method::GET => Safety::Read,
            _ => Safety::Once,
        };
        Self {
            name,
            method,
            route,
            roles,
            quota: Quota::COMMON,
            safety,
            answer_limit: 1024 * 1024,
            urgent: false,
        }
    }

    /// Sets whether the call may be repeated.
    #[must_use]
    pub const fn safety(mut self, safety: Safety) -> Self {
        self.safety = safety;
        self
    }

    /// Sets the longest answer that is read, in bytes.
    #[must_use]
    pub const fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// Lets it go before other calls that wait for the same quota.
    #[must_use]
    pub const fn urgent(mut self) -> Self {
        self.urgent = true;
        self
    }

    /// Sets the service's limits.
    #[must_use]
    pub const fn quota(mut self, per_minute: u32, per_hour: Option<u32>) -> Self {
        self.quota = Quota { per_minute, per_hour };
        self
    }
}

/// Between the segments of a [`Path`]. No segment holds one.
const BETWEEN: char = '\0';

/// A path below `/api`, segment by segment, so that no value can leave its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// A path of these segments. Each is percent-encoded when it is sent.
    ///
    /// # Errors
    /// An empty segment, `.` and `..` are refused, and so are control characters, some of which a URL drops: they
    /// would make it another path.
    pub fn new<'a>(segments: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut path = String::with_capacity(96);
        for (place, segment) in segments.into_iter().enumerate() {
            if matches!(segment, "" | "." | "..") || has_control(segment) {
                return Err(Error::invalid_input(format!("{segment:?} can't be part of a path")));
            }
            if place > 0 {
                path.push(BETWEEN);
            }
            path.push_str(segment);
        }
        Ok(Self(path))
    }

    /// None for a path without any.
    fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split(BETWEEN).filter(|segment| !segment.is_empty())
    }
}

/// One request of an operation, ready to be sent: where to, and with what.
#[derive(Clone, Debug)]
pub struct Call {
    target: String,
    path: Path,
    query: Vec<(String, String)>,
    raw_query: Option<String>,
    body: Option<Bytes>,
    reference: Option<String>,
}

impl Call {
    /// A request about `target`, which is what errors and traces call it.
    pub fn new(target: impl Into<String>, path: Path) -> Self {
        Self {
            target: target.into(),
            path,
            query: Vec::new(),
            raw_query: None,
            body: None,
            reference: None,
        }
    }

    /// Adds a JSON body.
    ///
    /// # Errors
    /// When the value can't be written as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let text = serde_json::to_vec(body)
            .map_err(|e| Error::invalid_input("the body can't be written as JSON").caused_by(e))?;
        self.body = Some(text.into());
        Ok(self)
    }

    /// Adds a query parameter. The value is percent-encoded when it is sent, the name isn't.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Takes a whole query as the service wrote it.
    pub(crate) fn raw_query(mut self, query: &str) -> Self {
        self.raw_query = Some(query.to_owned());
        self
    }

    /// Names the reference that its comment begins with.
    pub(crate) fn referring(mut self, reference: Option<&str>) -> Self {
        self.reference = reference.map(str::to_owned);
        self
    }

    pub(crate) fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// What the request is about.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The JSON body, as it is sent.
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// The path below `/api`, segment by segment.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.path.segments()
    }

    /// The absolute URL as it is sent, without the way over [`url`](Self::url) where nothing has to be encoded.
    pub(crate) fn uri(&self, base: &Url) -> Result<String> {
        let is_plain = self.raw_query.is_none()
            && self.query.is_empty()
            && base.path() == "/"
            && base.query().is_none()
            && is_unreserved(&self.path.0);
        if !is_plain {
            return self.url(base).map(String::from);
        }
        let mut uri = String::with_capacity(base.as_str().len() + 128);
        uri.push_str(base.as_str());
        uri.push_str("api");
        for segment in self.path.segments() {
            uri.push('/');
            uri.push_str(segment);
        }
        Ok(uri)
    }

    /// The absolute URL at the API whose base is given.
    pub(crate) fn url(&self, base: &Url) -> Result<Url> {
        let mut url = base.clone();
        url.path_segments_mut()
            .map_err(|()| Error::configuration("the base URL can't have a path"))?
            .clear()
            .push("api")
            .extend(self.path.segments());
        if let Some(query) = &self.raw_query {
            url.set_query(Some(query));
        } else if !self.query.is_empty() {
            let pairs = self.query.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
            url.set_query(Some(&pairs.collect::<Vec<_>>().join("&")));
        }
        Ok(url)
    }
}

/// Whether all of it stands for itself in every part of a URL.
fn is_unreserved(path: &str) -> bool {
    let stands_for_itself = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'\0')
    };
    path.bytes().all(stands_for_itself)
}

fn has_control(text: &str) -> bool {
    let odd = text.bytes().fold(false, |odd, byte| odd | !(0x20..0x7f).contains(&byte));
    odd && text.contains(char::is_control)
}

/// Percent-encoding with `%20` for a blank: OData doesn't read `+` as one.
fn encoded(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}

/// An operation of the API, as a typed value.
///
/// [`Client::send`](crate::Client::send) sends one raw; [`Client::preview`](crate::Client::preview) shows
/// what would be sent. The methods on machines and actions are built on the crate's own operations.
///
/// ```
/// use defender_response::model::Machine;
/// use defender_response::{Call, MachineId, Operation, Path, Result, Safety, Spec};
///
/// struct SetDeviceValue { machine: MachineId, high: bool }
///
/// impl Operation for SetDeviceValue {
///     type Output = Machine;
///     const SPEC: &'static Spec = &Spec::new(
///         "set_device_value",
///         http::Method::POST,
///         "/machines/{}/setDeviceValue",
///         &["Machine.ReadWrite.All"],
///     )
///     .safety(Safety::Idempotent);
///
///     fn call(&self) -> Result<Call> {
///         let path = Path::new(["machines", self.machine.as_str(), "setDeviceValue"])?;
///         let value = if self.high { "High" } else { "Normal" };
///         Call::new(self.machine.as_str(), path).json(&serde_json::json!({ "DeviceValue": value }))
///     }
/// }
/// ```
pub trait Operation: Send + Sync {
    /// What the answer is read into. `()` is for answers without a body.
    type Output: DeserializeOwned + Send + 'static;

    /// What is fixed about the operation.
    const SPEC: &'static Spec;

    /// The request, after its arguments have been checked.
    ///
    /// # Errors
    /// When an argument can't be right; nothing is sent then.
    fn call(&self) -> Result<Call>;

    /// Whether this very call may be repeated.
    fn safety(&self) -> Safety {
        Self::SPEC.safety
    }

    /// Reads the body of a successful answer: JSON, or nothing.
    ///
    /// # Errors
    /// When the body isn't what it should be.
    fn decode(&self, body: &[u8]) -> Result<Self::Output> {
        let body = if body.is_empty() { b"null" } else { body };
        serde_json::from_slice(body).map_err(unreadable)
    }
}

/// An operation of which something else is held than it says itself: its caller won't have it repeated blindly, so that a lost
/// answer is an unknown outcome for the caller to settle, or it changes something and says that it reads.
pub(crate) struct HeldAs<'a, O> {
    pub(crate) operation: &'a O,
    pub(crate) safety: Safety,
}

impl<O: Operation> Operation for HeldAs<'_, O> {
    type Output = O::Output;
    const SPEC: &'static Spec = O::SPEC;

    fn call(&self) -> Result<Call> {
        self.operation.call()
    }

    fn safety(&self) -> Safety {
        self.safety
    }

    fn decode(&self, body: &[u8]) -> Result<O::Output> {
        self.operation.decode(body)
    }
}

/// Reads a JSON object. Serde alone would also fill a struct from a list.
pub(crate) fn read_object<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Error::unusable_answer("the service's answer isn't a JSON object"));
    }
    serde_json::from_slice(body).map_err(unreadable)
}

fn unreadable(cause: serde_json::Error) -> Error {
    Error::unusable_answer("the service's answer can't be read").caused_by(cause)
}

/// What a call would send, for a dry run ([`Client::preview`](crate::Client::preview)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preview {
    /// The operation's name.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The absolute URL.
    pub url: Url,
    /// The body as JSON text, exactly as it would be sent.
    pub body: Option<String>,
    /// The application roles, of which any one allows the call.
    pub roles: &'static [&'static str],
    /// Whether it may be repeated when its answer was lost.
    pub safety: Safety,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_to_a_url_and_the_long_one_lead_to_the_same() {
        for base in ["https://api.securitycenter.microsoft.com", "http://127.0.0.1:4710"] {
            let base = Url::parse(base).unwrap();
            for segments in [
                &["machines", "1e5bc9d7e413ddd7902c2932e418702b84d0cc07", "isolate"][..],
                &["machines", "ws-042.corp.example"],
                &["alerts", "da637472900382838869_-73827727"],
                &["machines", "findbyip(ip='10.0.0.1',timestamp=2026-03-01T03:00:00Z)"],
                &["a b", "ü", "%2e", "..."],
                &["a/b", "?", "#", "~"],
            ] {
                let call = Call::new("x", Path::new(segments.iter().copied()).unwrap());
                for call in [call.clone(), call.query("$top", "10")] {
                    let long = call.url(&base).unwrap();
                    assert_eq!(call.uri(&base).unwrap(), long.as_str(), "{segments:?}");
                }
            }
        }
    }

    #[test]
    fn control_characters_are_seen_in_any_script() {
        for text in ["a\nb", "\u{7f}", "ü\u{85}", "\u{9f}"] {
            assert!(has_control(text) && Path::new([text]).is_err(), "{text:?}");
        }
        assert!(!has_control("ws-042 ü"));
    }
}
