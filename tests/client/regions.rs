//! The table of regions, as triples of base, authority and audience.

use defender_response::{Region, Standing};

const COMMERCIAL: (&str, &str) =
    ("https://login.microsoftonline.com", "https://api.securitycenter.microsoft.com");
const GOVERNMENT: (&str, &str) =
    ("https://login.microsoftonline.us", "https://api-gov.securitycenter.microsoft.us");

#[test]
fn each_region_is_this_triple() {
    use Region::{
        Australia, Europe, Gcc, GccHigh, Global, Security, SecurityAu, SecurityEu, SecurityIna,
        SecuritySwa, SecurityUk, SecurityUs, UnitedKingdom, UnitedStates2, UnitedStates3,
    };
    use Standing::{Documented, IntegratorListed};
    let table = [
        (Global, "api.securitycenter.microsoft.com", COMMERCIAL, Documented),
        (UnitedStates2, "api-us2.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed),
        (UnitedStates3, "api-us3.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed),
        (Europe, "api-eu.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed),
        (UnitedKingdom, "api-uk.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed),
        (Australia, "api-au.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed),
        (Gcc, "api-gcc.securitycenter.microsoft.us", COMMERCIAL, Documented),
        (GccHigh, "api-gov.securitycenter.microsoft.us", GOVERNMENT, Documented),
        (Security, "api.security.microsoft.com", COMMERCIAL, Documented),
        (SecurityUs, "us.api.security.microsoft.com", COMMERCIAL, Documented),
        (SecurityEu, "eu.api.security.microsoft.com", COMMERCIAL, Documented),
        (SecurityUk, "uk.api.security.microsoft.com", COMMERCIAL, Documented),
        (SecurityAu, "au.api.security.microsoft.com", COMMERCIAL, Documented),
        (SecuritySwa, "swa.api.security.microsoft.com", COMMERCIAL, Documented),
        (SecurityIna, "ina.api.security.microsoft.com", COMMERCIAL, Documented),
    ];
    assert_eq!(table.map(|row| row.0).as_slice(), Region::ALL);
    for (region, host, (authority, audience), standing) in table {
        let endpoint = region.endpoint();
        assert_eq!(endpoint.base, format!("https://{host}"), "{region}");
        assert_eq!((endpoint.authority, endpoint.audience), (authority, audience), "{region}");
        assert_eq!(endpoint.base_standing, standing, "{region}");
    }
}

#[test]
fn a_disputed_audience_says_so_and_names_the_other() {
    for region in Region::ALL {
        let endpoint = region.endpoint();
        let disputed = matches!(region, Region::Gcc | Region::GccHigh);
        assert_eq!(endpoint.alternative_audience.is_some(), disputed, "{region}");
        assert_eq!(endpoint.audience_standing == Standing::Unverified, disputed, "{region}");
    }
}

#[test]
fn united_states_is_the_global_host() {
    assert_eq!(Region::UnitedStates, Region::Global);
}

#[test]
fn the_names_people_write_are_understood() {
    for (text, region) in [
        ("global", Region::Global),
        ("United States", Region::Global),
        ("us", Region::Global),
        ("us-2", Region::UnitedStates2),
        ("US2", Region::UnitedStates2),
        ("United States 3", Region::UnitedStates3),
        ("eu", Region::Europe),
        ("Europe", Region::Europe),
        ("uk", Region::UnitedKingdom),
        ("united_kingdom", Region::UnitedKingdom),
        ("Australia", Region::Australia),
        ("US GCC", Region::Gcc),
        ("gcc-high", Region::GccHigh),
        ("GCC High", Region::GccHigh),
        ("dod", Region::GccHigh),
        ("https://api-eu.securitycenter.microsoft.com/api/", Region::Europe),
        ("api-gov.securitycenter.microsoft.us", Region::GccHigh),
        ("eu.api.security.microsoft.com", Region::SecurityEu),
    ] {
        assert_eq!(text.parse::<Region>(), Ok(region), "{text}");
    }
    for text in [
        "",
        "atlantis",
        "china",
        "eu.example",
        "https://api-eu.securitycenter.microsoft.com.evil.example",
    ] {
        assert!(text.parse::<Region>().is_err(), "{text}");
    }
}

#[test]
fn every_region_is_read_back_from_its_name_and_its_base() {
    for &region in Region::ALL {
        assert_eq!(region.to_string().parse(), Ok(region));
        assert_eq!(region.endpoint().base.parse(), Ok(region));
    }
}
