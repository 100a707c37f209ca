//! What a property of a STIX object is to Defender.

use std::borrow::Cow;

use super::Policy;
use crate::stix::pattern::{Path, Step};
use crate::stix::plan::skip::SkipReason;

/// A kind of hash that Defender takes for files, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// By its name, however it is spelt: `SHA-256`, `SHA256`, `sha_256`.
    fn named(text: &str) -> Option<Self> {
        let letters = text.bytes().filter(|b| !matches!(b, b'-' | b'_'));
        let is = |name: &str| letters.clone().map(|b| b.to_ascii_uppercase()).eq(name.bytes());
        [("SHA256", Self::Sha256), ("MD5", Self::Md5), ("SHA1", Self::Sha1)]
            .into_iter()
            .find_map(|(name, algorithm)| is(name).then_some(algorithm))
    }

    pub(super) fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }
}

/// Where a file's hash stands, which says whose properties stand beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileOf {
    /// The object is the file.
    Itself,
    /// The file that a process runs.
    Image,
    /// An artifact's or attachment's content.
    Content,
}

/// What a property is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Address {
        v4: bool,
    },
    Domain,
    Url,
    Hash(FileOf, Algorithm),
    /// Another hash of the same file, of a kind that Defender doesn't take.
    OtherHash(FileOf),
    /// Another property of the same file.
    FileProperty(FileOf),
    Certificate,
    CertificateHash,
    CertificateProperty,
    Destination,
    DestinationType,
    Origin,
    OriginType,
    /// A port, a protocol, a request.
    Traffic,
    /// Another property of an address, a domain or a URL.
    NetworkProperty,
    /// Nothing, and why.
    Nothing(SkipReason),
}

impl Target {
    pub(super) fn of(path: &Path<'_>, policy: &Policy) -> Self {
        let steps = path.steps();
        let first = steps.first().and_then(Step::as_property).unwrap_or_default();
        let value = path.names::<1>() == Some(["value"]);
        match path.object() {
            "ipv4-addr" if value => Self::Address { v4: true },
            "ipv6-addr" if value => Self::Address { v4: false },
            "domain-name" if value => Self::Domain,
            "url" if value => Self::Url,
            "ipv4-addr" | "ipv6-addr" | "domain-name" | "url" => Self::NetworkProperty,
            "hostname" | "domain" if value && policy.options.hostnames => Self::Domain,
            "file" if first == "content_ref" => Self::content(steps.get(1..), policy),
            "file" => Self::file(steps, FileOf::Itself),
            "process" if matches!(first, "image_ref" | "binary_ref") => {
                Self::file(steps.get(1..).unwrap_or_default(), FileOf::Image)
            }
            "artifact" => Self::content(Some(steps), policy),
            "email-message" if first == "body_multipart" => match steps.get(1..3) {
                Some([Step::Any | Step::Index(_), Step::Property(part)])
                    if part == "body_raw_ref" =>
                {
                    Self::content(steps.get(3..), policy)
                }
                _ => Self::Nothing(SkipReason::UnsupportedObject),
            },
            "x509-certificate" => match path.names() {
                Some(["hashes", name]) if Algorithm::named(name) == Some(Algorithm::Sha1) => {
                    Self::Certificate
                }
                _ if first == "hashes" => Self::CertificateHash,
                _ => Self::CertificateProperty,
            },
            "network-traffic" => match path.names() {
                Some(["dst_ref", "value"]) => Self::Destination,
                Some(["dst_ref", "type"]) => Self::DestinationType,
                Some(["src_ref", "value"]) => Self::Origin,
                Some(["src_ref", "type"]) => Self::OriginType,
                _ => Self::Traffic,
            },
            _ => Self::Nothing(SkipReason::UnsupportedObject),
        }
    }

    fn file(steps: &[Step<'_>], of: FileOf) -> Self {
        match steps {
            [Step::Property(hashes), Step::Property(name)] if hashes == "hashes" => {
                Algorithm::named(name).map_or(Self::OtherHash(of), |named| Self::Hash(of, named))
            }
            [Step::Property(hashes), ..] if hashes == "hashes" => Self::OtherHash(of),
            _ => Self::FileProperty(of),
        }
    }

    fn content(steps: Option<&[Step<'_>]>, policy: &Policy) -> Self {
        match Self::file(steps.unwrap_or_default(), FileOf::Content) {
            Self::Hash(..) if !policy.options.artifact_hashes => {
                Self::Nothing(SkipReason::UnsupportedObject)
            }
            target @ (Self::Hash(..) | Self::OtherHash(_)) => target,
            _ => Self::Nothing(SkipReason::UnsupportedObject),
        }
    }

    /// Why a test of it alone makes no indicator; `None` if it can make one.
    pub(super) fn reason(self) -> Option<SkipReason> {
        match self {
            Self::OtherHash(_) | Self::CertificateHash => Some(SkipReason::UnsupportedHash),
            Self::FileProperty(_)
            | Self::CertificateProperty
            | Self::DestinationType
            | Self::OriginType
            | Self::Traffic
            | Self::NetworkProperty => Some(SkipReason::UnsupportedProperty),
            Self::Nothing(reason) => Some(reason),
            _ => None,
        }
    }

    /// A text by which equal values are told, whose case matters only where it tells values apart.
    pub(super) fn key(self, text: &str) -> Cow<'_, str> {
        let hash = matches!(self, Self::Hash(..) | Self::Certificate);
        let text = if hash { text.trim() } else { text };
        if hash && text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        Cow::Borrowed(text)
    }

    /// The file it is about.
    pub(super) fn file_of(self) -> Option<FileOf> {
        match self {
            Self::Hash(of, _) | Self::OtherHash(of) | Self::FileProperty(of) => Some(of),
            _ => None,
        }
    }

    pub(super) fn is_certificate(self) -> bool {
        matches!(self, Self::Certificate | Self::CertificateHash | Self::CertificateProperty)
    }
}
