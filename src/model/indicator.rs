//! An indicator: a file, address, domain, URL or certificate that the tenant allows, watches or blocks.

use serde::{Deserialize, Serialize};

use super::alert::Severity;
use super::lenient;
use super::open_enum::open_enum;
use crate::types::{IndicatorId, Timestamp};

open_enum! {
    /// What an indicator's value is.
    pub enum IndicatorType {
        /// SHA-1 of a file.
        FileSha1,
        /// SHA-256 of a file.
        FileSha256,
        /// MD5 of a file.
        FileMd5,
        /// SHA-1 thumbprint of a leaf certificate that signs code.
        CertificateThumbprint,
        /// One external IP address.
        IpAddress,
        /// A domain, with all its subdomains.
        DomainName,
        /// A URL.
        Url,
    }
}

open_enum! {
    /// What is done where an indicator is seen.
    pub enum IndicatorAction {
        /// It is let through.
        Allowed ["Allow"],
        /// It is let through, and an alert is raised.
        Audit,
        /// The user is warned and may go on.
        Warn,
        /// It is blocked.
        Block,
        /// A file is blocked and quarantined, a certificate's files likewise.
        BlockAndRemediate,
        /// A word of before January 2022 for `Audit` with an alert.
        Alert,
        /// A word of before January 2022 for `Block` with an alert.
        AlertAndBlock,
    }
}

/// An indicator as the service has it
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/ti-indicator)).
///
/// What makes two the same is value, type and action: the same value with another action is a second one.
///
/// ```
/// # use defender_response::model::{Indicator, IndicatorType};
/// let indicator: Indicator =
///     serde_json::from_str(r#"{"id":"17","indicatorValue":"test.example","indicatorType":"DomainName"}"#)?;
/// assert_eq!(indicator.indicator_type, IndicatorType::DomainName);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Indicator {
    /// Its identifier, as sent.
    #[serde(default = "lenient::no_id", deserialize_with = "lenient::id")]
    pub id: IndicatorId,
    /// The value.
    #[serde(default, deserialize_with = "lenient::text")]
    pub indicator_value: Option<String>,
    /// What the value is.
    #[serde(default)]
    pub indicator_type: IndicatorType,
    /// What is done where it is seen.
    #[serde(default)]
    pub action: IndicatorAction,
    /// Its title.
    #[serde(default, deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// Its description.
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: Option<String>,
    /// The application it was created by, in the creator's own words. It can't be changed later.
    #[serde(default, deserialize_with = "lenient::text")]
    pub application: Option<String>,
    /// When it ends; never, if there is none.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub expiration_time: Option<Timestamp>,
    /// The severity of its alerts.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub severity: Option<Severity>,
    /// Whether an alert is raised where it is seen.
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub generate_alert: Option<bool>,
    /// What its alerts recommend.
    #[serde(default, deserialize_with = "lenient::text")]
    pub recommended_actions: Option<String>,
    /// The device groups it is for, by name; all devices if empty.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub rbac_group_names: Vec<String>,
    /// The device groups it is for, by id.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub rbac_group_ids: Vec<String>,
    /// Where a warned or blocked user is sent to read more.
    #[serde(default, deserialize_with = "lenient::text")]
    pub educate_url: Option<String>,
    /// The id of the application or the name of the user that created it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub created_by: Option<String>,
    /// The name of the application or user that created it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub created_by_display_name: Option<String>,
    /// `Portal` or `PublicApi`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub created_by_source: Option<String>,
    /// When it was created.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub creation_time_date_time_utc: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub last_update_time: Option<Timestamp>,
    /// Who last changed it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub last_updated_by: Option<String>,
    /// A number for its category; not documented.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub category: Option<i64>,
    /// Techniques of MITRE ATT&CK; not documented.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub mitre_techniques: Vec<String>,
    /// Whether past events are searched too; not documented.
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub historical_detection: Option<bool>,
    /// Who created it, in answers of 2020.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::text")]
    pub source: Option<String>,
    /// What kind of creator that was, in answers of 2020.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::text")]
    pub source_type: Option<String>,
    /// The certificate of a `CertificateThumbprint`.
    #[serde(default, deserialize_with = "lenient::object")]
    pub certificate_info: Option<CertificateInfo>,
}

impl Indicator {
    /// An indicator as the service would have it, for tests of code that takes one.
    ///
    /// ```
    /// # use defender_response::model::{Indicator, IndicatorAction, IndicatorType};
    /// let indicator =
    ///     Indicator::new("17".parse()?, IndicatorType::DomainName, "test.example", IndicatorAction::Block);
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    #[must_use]
    pub fn new(
        id: IndicatorId,
        indicator_type: IndicatorType,
        value: &str,
        action: IndicatorAction,
    ) -> Self {
        Self {
            id,
            indicator_value: Some(value.to_owned()),
            indicator_type,
            action,
            title: None,
            description: None,
            application: None,
            expiration_time: None,
            severity: None,
            generate_alert: None,
            recommended_actions: None,
            rbac_group_names: Vec::new(),
            rbac_group_ids: Vec::new(),
            educate_url: None,
            created_by: None,
            created_by_display_name: None,
            created_by_source: None,
            creation_time_date_time_utc: None,
            last_update_time: None,
            last_updated_by: None,
            category: None,
            mitre_techniques: Vec::new(),
            historical_detection: None,
            source: None,
            source_type: None,
            certificate_info: None,
        }
    }
}

/// The certificate of an indicator of type `CertificateThumbprint`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CertificateInfo {
    /// Who issued it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub issuer: Option<String>,
    /// Its serial number.
    #[serde(default, deserialize_with = "lenient::text")]
    pub serial: Option<String>,
    /// Its SHA-256.
    #[serde(default, deserialize_with = "lenient::text")]
    pub sha256: Option<String>,
    /// Whom it names.
    #[serde(default, deserialize_with = "lenient::text")]
    pub subject: Option<String>,
}

/// What the service says of one item of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImportResult {
    /// The indicator's identifier, as sent; null or empty where it failed.
    #[serde(default, deserialize_with = "lenient::text")]
    pub id: Option<String>,
    /// The value, without its type.
    #[serde(default, deserialize_with = "lenient::text")]
    pub indicator: Option<String>,
    /// Whether it failed. An item that doesn't say isn't known to have been accepted.
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub is_failed: Option<bool>,
    /// Why.
    #[serde(default, deserialize_with = "lenient::text")]
    pub failure_reason: Option<String>,
}
