//! Which application signs in, and in which tenant.
//!
//! Every credential that goes to Entra by itself has one, checked in the same words.

use super::entra;
use super::error::TokenError;
use crate::types::is_guid;

#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub(super) tenant: String,
    pub(super) application: String,
}

impl Registration {
    pub(super) fn new(tenant: impl Into<String>, application: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into().trim().to_owned(),
            application: application.into().trim().to_owned(),
        }
    }

    pub(super) fn check(&self) -> Result<(), TokenError> {
        check_tenant(&self.tenant)?;
        if !is_guid(&self.application) {
            return Err(TokenError::permanent(format!(
                "the application id {:?} is not a GUID: it is the \"Application (client) ID\" of the registration",
                self.application
            )));
        }
        Ok(())
    }
}

pub(super) fn check_tenant(tenant: &str) -> Result<(), TokenError> {
    if is_guid(tenant) || entra::is_domain(tenant) {
        return Ok(());
    }
    Err(TokenError::permanent(format!(
        "the tenant {tenant:?} is neither a tenant id (a GUID) nor a domain"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";

    #[test]
    fn ids_and_domains_pass_and_blanks_around_them_are_ignored() {
        for tenant in [ID, "contoso.example", " contoso.onmicrosoft.com\n"] {
            assert!(Registration::new(tenant, format!(" {ID} ")).check().is_ok(), "{tenant}");
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for (tenant, application, named) in [
            ("", ID, "tenant \"\""),
            ("contoso", ID, "tenant \"contoso\""),
            ("../common", ID, "tenant \"../common\""),
            ("a..b", ID, "tenant \"a..b\""),
            (ID, "", "application id \"\""),
            (ID, "my-app", "application id \"my-app\""),
        ] {
            let error = Registration::new(tenant, application).check().unwrap_err();
            assert!(error.is_permanent());
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
