//! Whether a token is the one that was asked for: of this tenant, for this API.

use super::claims::TokenClaims;
use crate::region::Region;
use crate::types::is_guid;

/// The application id of the API that Entra lists as *WindowsDefenderATP*; a token may name it in `aud`.
const API_ID: &str = "fc780465-2017-40d4-a0c5-307022471b92";

/// Audiences of the commercial cloud that public clients also use.
const OTHER_NAMES: [&str; 2] = [
    "https://api.securitycenter.windows.com",
    "https://securitycenter.onmicrosoft.com/windowsatpservice",
];

/// Why the token isn't the one that was asked for. What it doesn't say isn't held against it.
pub(super) fn objection(
    claims: &TokenClaims,
    tenant: Option<&str>,
    audience: &str,
) -> Option<String> {
    if let (Some(wanted), Some(found)) = (tenant.filter(|t| is_guid(t)), &claims.tenant)
        && !wanted.eq_ignore_ascii_case(found)
    {
        return Some(format!("the token is of the tenant {found}, and {wanted} was asked for"));
    }
    let found = claims.audience.as_deref()?.trim_end_matches('/');
    (!is_the_api(found, audience)).then(|| {
        format!("the token is for {found:?}, and not for Defender for Endpoint ({audience})")
    })
}

/// The same API has several names.
fn is_the_api(found: &str, audience: &str) -> bool {
    let same = |name: &str| name.trim_end_matches('/').eq_ignore_ascii_case(found);
    let known = Region::ALL.iter().map(|region| region.endpoint());
    same(audience)
        || same(API_ID)
        || OTHER_NAMES.iter().any(|name| same(name))
        || known.into_iter().any(|e| same(e.audience) || e.alternative_audience.is_some_and(same))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    const AUDIENCE: &str = "https://api.securitycenter.microsoft.com";

    fn claims(tenant: &str, audience: &str) -> TokenClaims {
        TokenClaims {
            tenant: Some(tenant.to_owned()),
            audience: Some(audience.to_owned()),
            ..TokenClaims::default()
        }
    }

    #[test]
    fn the_api_is_known_by_all_its_names() {
        for audience in [
            AUDIENCE,
            "https://api.securitycenter.microsoft.com/",
            API_ID,
            OTHER_NAMES[0],
            OTHER_NAMES[1],
        ] {
            let claims = claims(&TENANT.to_uppercase(), audience);
            assert_eq!(objection(&claims, Some(TENANT), AUDIENCE), None, "{audience}");
        }
        assert_eq!(objection(&TokenClaims::default(), Some(TENANT), AUDIENCE), None);
        assert_eq!(objection(&claims("other", AUDIENCE), Some("contoso.example"), AUDIENCE), None);
    }

    #[test]
    fn another_tenant_or_another_api_is_objected_to() {
        let other = objection(
            &claims("11111111-0000-4000-8000-1a2b3c4d5e6f", AUDIENCE),
            Some(TENANT),
            AUDIENCE,
        );
        assert!(other.is_some_and(|text| text.contains(TENANT)));
        let elsewhere = claims(TENANT, "https://userrequestsgraphapi-prd.trafficmanager.net");
        assert!(
            objection(&elsewhere, Some(TENANT), AUDIENCE)
                .is_some_and(|text| text.contains("userrequests"))
        );
        assert!(
            objection(
                &claims(TENANT, "https://api.security.microsoft.com"),
                Some(TENANT),
                AUDIENCE
            )
            .is_some()
        );
    }
}
