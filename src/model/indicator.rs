//! An indicator: a file, address, domain, URL or certificate that the tenant allows, watches or blocks.

use super::alert::Severity;
use super::open_enum::open_enum;
use super::record::{Record, record};
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

record! {
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
    pub struct Indicator {
        /// Its identifier, as sent.
        pub id: IndicatorId = "id",
        /// The value.
        pub indicator_value: Option<String> = "indicatorValue",
        /// What the value is.
        pub indicator_type: IndicatorType = "indicatorType",
        /// What is done where it is seen.
        pub action: IndicatorAction = "action",
        /// Its title.
        pub title: Option<String> = "title",
        /// Its description.
        pub description: Option<String> = "description",
        /// The application it was created by, in the creator's own words. It can't be changed later.
        pub application: Option<String> = "application",
        /// When it ends; never, if there is none.
        pub expiration_time: Option<Timestamp> = "expirationTime",
        /// The severity of its alerts.
        pub severity: Option<Severity> = "severity",
        /// Whether an alert is raised where it is seen.
        pub generate_alert: Option<bool> = "generateAlert",
        /// What its alerts recommend.
        pub recommended_actions: Option<String> = "recommendedActions",
        /// The device groups it is for, by name; all devices if empty.
        pub rbac_group_names: Vec<String> = "rbacGroupNames",
        /// The device groups it is for, by id.
        pub rbac_group_ids: Vec<String> = "rbacGroupIds",
        /// Where a warned or blocked user is sent to read more.
        pub educate_url: Option<String> = "educateUrl",
        /// The id of the application or the name of the user that created it.
        pub created_by: Option<String> = "createdBy",
        /// The name of the application or user that created it.
        pub created_by_display_name: Option<String> = "createdByDisplayName",
        /// `Portal` or `PublicApi`.
        pub created_by_source: Option<String> = "createdBySource",
        /// When it was created.
        pub creation_time_date_time_utc: Option<Timestamp> = "creationTimeDateTimeUtc",
        /// When it was last changed.
        pub last_update_time: Option<Timestamp> = "lastUpdateTime",
        /// Who last changed it.
        pub last_updated_by: Option<String> = "lastUpdatedBy",
        /// A number for its category; not documented.
        pub category: Option<i64> = "category",
        /// Techniques of MITRE ATT&CK; not documented.
        pub mitre_techniques: Vec<String> = "mitreTechniques",
        /// Whether past events are searched too; not documented.
        pub historical_detection: Option<bool> = "historicalDetection",
        /// Who created it, in answers of 2020.
        pub source: Option<String> = "source",
        /// What kind of creator that was, in answers of 2020.
        pub source_type: Option<String> = "sourceType",
        /// The certificate of a `CertificateThumbprint`.
        pub certificate_info: Option<CertificateInfo> = "certificateInfo",
    }
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
            ..Self::blank()
        }
    }
}

record! {
    /// The certificate of an indicator of type `CertificateThumbprint`.
    pub struct CertificateInfo {
        /// Who issued it.
        pub issuer: Option<String> = "issuer",
        /// Its serial number.
        pub serial: Option<String> = "serial",
        /// Its SHA-256.
        pub sha256: Option<String> = "sha256",
        /// Whom it names.
        pub subject: Option<String> = "subject",
    }
}

record! {
    /// What the service says of one item of an import.
    pub struct ImportResult {
        /// The indicator's identifier, as sent; null or empty where it failed.
        pub id: Option<String> = "id",
        /// The value, without its type.
        pub indicator: Option<String> = "indicator",
        /// Whether it failed. An item that doesn't say isn't known to have been accepted.
        pub is_failed: Option<bool> = "isFailed",
        /// Why.
        pub failure_reason: Option<String> = "failureReason",
    }
}
