//! Values that a bad feed must not cut a tenant off from.

use defender_response::stix::{Note, SkipReason};

use crate::made::{indicator, made, options, plan};

#[track_caller]
fn protected(pattern: &str) {
    let own = options().protect_domain("corp.test").protect_network("93.184.216.0/24");
    assert_eq!(made(pattern, &own), Err(SkipReason::Protected), "{pattern}");
}

fn domain(name: &str) -> String {
    format!("[domain-name:value = '{name}']")
}

fn url(url: &str) -> String {
    format!("[url:value = '{url}']")
}

#[test]
fn sign_in_update_and_defender_hosts_are_protected_with_all_their_pages_and_parents() {
    for name in [
        "login.microsoftonline.com",
        "a.login.microsoftonline.com",
        "microsoftonline.com",
        "update.microsoft.com",
        "microsoft.com",
        "windows.net",
        "eu.securitycenter.microsoft.com",
    ] {
        protected(&domain(name));
    }
    protected(&url("https://login.microsoftonline.com/common/oauth2"));
    protected(&url("https://LOGIN.microsoftonline.com.:443/x"));
}

#[test]
fn shared_hosts_and_suffixes_are_protected_but_not_what_lies_in_them() {
    for name in [
        "github.com",
        "github.io",
        "co.uk",
        "com.au",
        "drive.google.com",
        "blob.core.windows.net",
        "core.windows.net",
    ] {
        protected(&domain(name));
    }
    protected(&url("https://github.com/"));
    protected(&url("github.com"));
    for pattern in [
        domain("evil.github.io"),
        domain("evil.co.uk"),
        url("https://github.com/evil/x.zip"),
        domain("notgithub.com"),
        domain("evil.blob.core.windows.net"),
    ] {
        assert!(made(&pattern, &options()).is_ok(), "{pattern}");
    }
}

#[test]
fn public_resolvers_and_the_empty_file_are_protected() {
    protected("[ipv4-addr:value = '8.8.8.8']");
    protected("[ipv6-addr:value = '2606:4700:4700::1111']");
    protected(&url("http://1.1.1.1/x"));
    protected(
        "[file:hashes.'SHA-256' = 'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855']",
    );
}

#[test]
fn the_callers_own_are_protected() {
    protected(&domain("corp.test"));
    protected(&domain("mail.corp.test"));
    protected(&url("https://mail.corp.test/x"));
    protected("[ipv4-addr:value = '93.184.216.34']");
    protected(&url("http://93.184.216.34/x"));
}

#[test]
fn networks_of_any_width_are_protected_to_their_edges() {
    for (network, inside, outside) in [
        ("93.184.216.34", "93.184.216.34", "93.184.216.35"),
        ("93.184.0.0/15", "93.185.255.255", "93.186.0.0"),
        ("0.0.0.0/0", "93.184.216.34", "2606:2800::1"),
        ("2606:2800::/32", "2606:2800:ffff::1", "2606:2801::1"),
        ("::/0", "2606:2800::1", "93.184.216.34"),
    ] {
        let options = options().protect_network(network);
        for (address, holds) in [(inside, true), (outside, false)] {
            let kind = if address.contains(':') { "ipv6-addr" } else { "ipv4-addr" };
            let pattern = format!("[{kind}:value = '{address}']");
            let refused = made(&pattern, &options) == Err(SkipReason::Protected);
            assert_eq!(refused, holds, "{network} {pattern}");
        }
    }
}

#[test]
fn a_protected_value_beside_others_is_left_out_alone() {
    let pattern = "[domain-name:value IN ('github.com', 'evil.example')]";
    assert_eq!(made(pattern, &options()), Ok(vec!["DomainName evil.example".to_owned()]));
}

#[test]
fn an_override_for_a_value_is_recorded() {
    let allowed = options().allow_protected("github.com");
    let plan =
        plan(&[indicator(1, &domain("github.com")), indicator(2, &domain("github.io"))], &allowed);
    assert_eq!(plan.indicators()[0].value, "github.com");
    assert!(plan.indicators()[0].notes.contains(Note::ProtectionOverridden));
    assert_eq!(plan.counts().skipped.get(&SkipReason::Protected), Some(&1));
    assert!(plan.table().to_string().contains("Let through though protected: github.com"));
    assert!(serde_json::to_string(&plan).unwrap().contains(r#""allow_protected":["github.com"]"#));
}

#[test]
fn a_withdrawal_needs_no_protection() {
    let mut revoked = indicator(1, &domain("github.com"));
    revoked["revoked"] = true.into();
    assert_eq!(plan(&[revoked], &options()).withdrawals().len(), 1);
}

#[test]
fn another_spelling_of_a_hosts_root_is_protected_as_the_root() {
    for path in [
        "",
        "/",
        "?",
        "/?",
        "//",
        "/#x",
        "/?#x",
        "/.",
        "/./",
        "/a/..",
        "/a/../",
        "/%2e",
        "/%2E/",
        "//a/.%2e/",
    ] {
        for host in ["https://www.google.com", "http://github.com:80"] {
            protected(&url(&format!("{host}{path}")));
        }
    }
    protected(&url("github.com/?"));
    for path in ["/a", "/?a", "/../a", "/.a", "/%2ea", "/a/.", "/??"] {
        assert!(made(&url(&format!("https://github.com{path}")), &options()).is_ok(), "{path}");
    }
}

#[test]
fn a_url_within_a_url_does_not_hide_its_host() {
    protected(&url("login.microsoftonline.com/x?u=http://evil.example/"));
    assert!(made(&url("evil.example/x?u=http://login.live.com/"), &options()).is_ok());
}

#[test]
fn suffixes_of_clouds_and_countries_are_protected_but_not_what_lies_in_them() {
    for name in ["ad.jp", "compute.amazonaws.com", "amplifyapp.com", "static2.sharepointonline.com"]
    {
        protected(&domain(name));
        assert!(made(&domain(&format!("evil.{name}")), &options()).is_ok(), "{name}");
    }
}
