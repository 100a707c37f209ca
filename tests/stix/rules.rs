//! The table of rules, row by row: what a pattern makes by default, what by option, and why it makes nothing.

use defender_response::stix::{Note, PlanOptions, SkipReason};

use crate::made::{made, notes, options};

const MD5: &str = "0123456789abcdef0123456789abcdef";
const SHA1: &str = "0123456789abcdef0123456789abcdef01234567";
const SHA256: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SHA256_B: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

#[track_caller]
fn makes(pattern: &str, values: &[&str]) {
    makes_by(pattern, values, &options());
}

#[track_caller]
fn makes_by(pattern: &str, values: &[&str], options: &PlanOptions) {
    assert_eq!(
        made(pattern, options),
        Ok(values.iter().map(|v| (*v).to_owned()).collect()),
        "{pattern}"
    );
}

#[track_caller]
fn skips(pattern: &str, reason: SkipReason) {
    assert_eq!(made(pattern, &options()), Err(reason), "{pattern}");
}

#[track_caller]
fn noted(pattern: &str, expected: &[Note]) {
    noted_by(pattern, expected, &options());
}

#[track_caller]
fn noted_by(pattern: &str, expected: &[Note], options: &PlanOptions) {
    assert_eq!(notes(pattern, options), expected, "{pattern}");
}

#[test]
fn one_address_is_an_address() {
    makes("[ipv4-addr:value = '93.184.216.34']", &["IpAddress 93.184.216.34"]);
    makes(
        "[ipv6-addr:value = '2a00:1450::1']",
        &["IpAddress 2a00:1450:0000:0000:0000:0000:0000:0001"],
    );
    makes("[ipv6-addr:value = '::ffff:93.184.216.34']", &["IpAddress 93.184.216.34"]);
    noted("[ipv4-addr:value = '93.184.216.34']", &[Note::OutboundOnly]);
    noted("[ipv4-addr:value = '2a00:1450::1']", &[Note::OtherFamily, Note::OutboundOnly]);
    skips("[ipv4-addr:value = '093.184.216.34']", SkipReason::InvalidValue);
    skips("[ipv4-addr:value = 93]", SkipReason::InvalidValue);
    skips("[ipv4-addr:resolves_to_refs[*].value = 'aa:bb']", SkipReason::UnsupportedProperty);
}

#[test]
fn a_network_of_one_address_is_that_address() {
    makes("[ipv4-addr:value = '93.184.216.34/32']", &["IpAddress 93.184.216.34"]);
    makes("[ipv4-addr:value ISSUBSET '93.184.216.34']", &["IpAddress 93.184.216.34"]);
    makes("[ipv4-addr:value ISSUBSET '93.184.216.34/32']", &["IpAddress 93.184.216.34"]);
    makes(
        "[ipv6-addr:value = '2a00:1450::1/128']",
        &["IpAddress 2a00:1450:0000:0000:0000:0000:0000:0001"],
    );
    noted("[ipv4-addr:value = '93.184.216.34/32']", &[Note::SingleAddress, Note::OutboundOnly]);
}

#[test]
fn a_wider_network_is_skipped_or_expanded_by_option() {
    skips("[ipv4-addr:value = '93.184.216.0/30']", SkipReason::Cidr);
    skips("[ipv4-addr:value ISSUBSET '93.184.216.0/30']", SkipReason::Cidr);
    skips("[ipv6-addr:value ISSUBSET '2a00::/12']", SkipReason::Cidr);
    skips("[ipv4-addr:value = '93.184.216.0/33']", SkipReason::InvalidValue);
    skips("[ipv4-addr:value = '93.184.216.0/+4']", SkipReason::InvalidValue);
    let four = options().expand_networks(4);
    makes_by(
        "[ipv4-addr:value ISSUBSET '93.184.216.7/30']",
        &[
            "IpAddress 93.184.216.4",
            "IpAddress 93.184.216.5",
            "IpAddress 93.184.216.6",
            "IpAddress 93.184.216.7",
        ],
        &four,
    );
    noted_by(
        "[ipv4-addr:value ISSUBSET '93.184.216.4/30']",
        &[Note::OutboundOnly, Note::NetworkExpanded],
        &four,
    );
    assert_eq!(made("[ipv4-addr:value = '93.184.216.0/29']", &four), Err(SkipReason::Cidr));
    assert_eq!(
        made("[ipv4-addr:value = '93.184.216.0/28']", &options().expand_networks(16))
            .unwrap()
            .len(),
        16
    );
}

#[test]
fn a_superset_is_skipped() {
    skips("[ipv4-addr:value ISSUPERSET '93.184.216.34/32']", SkipReason::UnsupportedOperator);
}

#[test]
fn an_address_that_is_not_on_the_internet_is_skipped() {
    for address in [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "224.0.0.1",
        "192.0.2.1",
        "240.0.0.1",
        "0.0.0.0",
        "100.64.0.1",
        "192.88.99.1",
        "192.52.193.1",
        "192.175.48.1",
    ] {
        skips(&format!("[ipv4-addr:value = '{address}']"), SkipReason::NotExternal);
    }
    for address in [
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "2001::1",
        "2001:2::1",
        "2002:0a00:0001::1",
        "2620:4f:8000::1",
    ] {
        skips(&format!("[ipv6-addr:value = '{address}']"), SkipReason::NotExternal);
    }
    for address in ["2001:200::1", "2002:5db8:d822::1", "2620:4f:8001::1"] {
        assert!(made(&format!("[ipv6-addr:value = '{address}']"), &options()).is_ok(), "{address}");
    }
}

#[test]
fn a_domain_is_a_domain_with_its_subdomains() {
    makes("[domain-name:value = 'Evil.EXAMPLE.']", &["DomainName evil.example"]);
    makes("[domain-name:value = ' münchen.example']", &["DomainName xn--mnchen-3ya.example"]);
    makes("[domain-name:value = 'evil[.]example']", &["DomainName evil.example"]);
    makes("[domain-name:value = 'a_b.evil.example']", &["DomainName a_b.evil.example"]);
    noted("[domain-name:value = 'evil.example']", &[Note::CoversSubdomains]);
    noted("[domain-name:value = 'evil(.)example']", &[Note::Refanged, Note::CoversSubdomains]);
    for domain in [
        "evil",
        "evil.example..",
        "*.evil.example",
        "evil.example/x",
        "_dmarc.evil.example",
        "a b.example",
        "",
    ] {
        skips(&format!("[domain-name:value = '{domain}']"), SkipReason::InvalidValue);
    }
}

#[test]
fn a_hostname_is_a_domain_by_option() {
    skips("[hostname:value = 'evil.example']", SkipReason::UnsupportedObject);
    skips("[domain:value = 'evil.example']", SkipReason::UnsupportedObject);
    let hostnames = options().hostnames();
    makes_by("[hostname:value = 'evil.example']", &["DomainName evil.example"], &hostnames);
    makes_by("[domain:value = 'evil.example']", &["DomainName evil.example"], &hostnames);
}

#[test]
fn a_domain_that_is_an_address_is_that_address() {
    makes("[domain-name:value = '93.184.216.34']", &["IpAddress 93.184.216.34"]);
    noted("[domain-name:value = '93.184.216.34']", &[Note::AddressAsDomain, Note::OutboundOnly]);
    skips("[domain-name:value = '10.0.0.1']", SkipReason::NotExternal);
}

#[test]
fn a_web_address_is_a_url_byte_for_byte() {
    makes(
        "[url:value = 'HTTPS://Evil.Example/A%2Fb;p?q=[1]&x=\\'y\\'']",
        &["Url https://evil.example/A%2Fb;p?q=[1]&x='y'"],
    );
    makes("[url:value = 'http://münchen.example/ü']", &["Url http://xn--mnchen-3ya.example/ü"]);
    makes(
        "[url:value = 'http://[2A00:1450::1]/host[v17]']",
        &["Url http://[2a00:1450::1]/host[v17]"],
    );
    makes("[url:value = 'hxxps://evil[.]example/x']", &["Url https://evil.example/x"]);
    makes("[url:value = 'http[:]//evil.example/x']", &["Url http://evil.example/x"]);
    makes("[url:value = 'http://evil.example/a#b']", &["Url http://evil.example/a"]);
    noted("[url:value = 'http://evil.example/a']", &[]);
    noted("[url:value = 'http://evil.example/a#b']", &[Note::FragmentDropped]);
    noted("[url:value = 'hxxp://evil.example/a']", &[Note::Refanged]);
    skips("[url:value = 'http://10.0.0.1/x']", SkipReason::NotExternal);
    skips("[url:value = 'http://user:pw@evil.example/x']", SkipReason::InvalidValue);
    skips("[url:value = 'hxxp://evil[.]example/x[.]php']", SkipReason::InvalidValue);
    skips("[url:value = 'http://0x5d.184.216.34/x']", SkipReason::InvalidValue);
    let long = format!("[url:value = 'http://evil.example/{}']", "a".repeat(800));
    assert_eq!(made(&long, &options().longest_url(800)), Err(SkipReason::TooLong));
    assert!(made(&long, &options()).is_ok());
}

#[test]
fn a_url_that_is_a_hosts_root_matches_the_whole_host() {
    makes("[url:value = 'http://evil.example/']", &["Url http://evil.example/"]);
    makes("[url:value = 'http://evil.example']", &["Url http://evil.example"]);
    noted("[url:value = 'http://evil.example/']", &[Note::WholeHost]);
    noted("[url:value = 'http://evil.example/?x']", &[]);
    let refused = options().without_root_urls();
    assert_eq!(made("[url:value = 'http://evil.example/']", &refused), Err(SkipReason::RootUrl));
    assert!(made("[url:value = 'http://evil.example/x']", &refused).is_ok());
    for path in ["//", "/?", "?", "/a/..", "/%2e"] {
        let pattern = format!("[url:value = 'http://evil.example{path}']");
        makes(&pattern, &[&format!("Url http://evil.example{path}")]);
        noted(&pattern, &[Note::WholeHost]);
        assert_eq!(made(&pattern, &refused), Err(SkipReason::RootUrl), "{path}");
    }
}

#[test]
fn an_address_written_in_an_odd_way_is_no_host_of_a_url() {
    for host in ["0x08.8.8.8", "010.8.8.8", "8.8.2056", "134744072.", "0x5d.184.216.34"] {
        for url in [format!("{host}/x"), format!("{host}:80"), format!("http://{host}/x")] {
            assert!(made(&format!("[url:value = '{url}']"), &options()).is_err(), "{url}");
        }
    }
    for url in ["evil.example../x", "http://evil.example../x"] {
        skips(&format!("[url:value = '{url}']"), SkipReason::InvalidValue);
    }
    makes("[url:value = '93.184.216.34/x']", &["Url 93.184.216.34/x"]);
}

#[test]
fn a_url_of_another_scheme_is_skipped() {
    for url in
        ["ftp://evil.example/x", "tcp://evil.example:4444", "mailto:a@evil.example", "javascript:x"]
    {
        skips(&format!("[url:value = '{url}']"), SkipReason::UrlScheme);
    }
}

#[test]
fn a_url_without_a_scheme_is_what_it_can_be() {
    makes("[url:value = 'Evil.example']", &["DomainName evil.example"]);
    makes("[url:value = '93.184.216.34']", &["IpAddress 93.184.216.34"]);
    makes("[url:value = 'Evil.example/A?b=http://x']", &["Url evil.example/A?b=http://x"]);
    makes("[url:value = 'evil.example:8080']", &["Url evil.example:8080"]);
    noted(
        "[url:value = 'evil.example']",
        &[Note::UrlWithoutScheme, Note::CoversSubdomains, Note::WholeHost],
    );
    noted("[url:value = '93.184.216.34']", &[Note::UrlWithoutScheme, Note::OutboundOnly]);
    noted("[url:value = 'evil.example/a']", &[Note::UrlWithoutScheme]);
}

#[test]
fn a_url_with_wildcards_or_blanks_is_skipped() {
    for url in [
        "http://*/x",
        "http://+/x",
        "http://*.evil.example/",
        "http://evil.example/a b",
        "http:\\\\\\\\evil.example",
        "",
    ] {
        skips(&format!("[url:value = '{url}']"), SkipReason::InvalidValue);
    }
}

#[test]
fn a_files_hash_is_a_file_however_its_algorithm_is_spelt() {
    for name in ["'SHA-256'", "SHA256", "sha256", "'sha-256'", "SHA_256"] {
        makes(&format!("[file:hashes.{name} = '{SHA256}']"), &[&format!("FileSha256 {SHA256}")]);
    }
    let upper = SHA1.to_uppercase();
    makes(&format!("[file:hashes.'SHA-1' = '{upper}']"), &[&format!("FileSha1 {SHA1}")]);
    makes(&format!("[file:hashes.md5 = '{MD5}']"), &[&format!("FileMd5 {MD5}")]);
    noted(&format!("[file:hashes.md5 = '{MD5}']"), &[]);
    skips(&format!("[file:hashes.'SHA-256' = '{SHA1}']"), SkipReason::InvalidValue);
    skips(&format!("[file:hashes.MD5 = '{}']", MD5.replace('0', "g")), SkipReason::InvalidValue);
    let without = options().without_md5();
    assert_eq!(made(&format!("[file:hashes.MD5 = '{MD5}']"), &without), Err(SkipReason::WeakHash));
}

#[test]
fn other_hashes_are_skipped() {
    for name in ["'SHA-512'", "SSDEEP", "TLSH", "IMPHASH", "'SHA3-256'"] {
        skips(&format!("[file:hashes.{name} = '{SHA256}']"), SkipReason::UnsupportedHash);
    }
    skips(&format!("[file:hashes[*] = '{SHA256}']"), SkipReason::UnsupportedHash);
}

#[test]
fn the_hash_of_a_processs_image_is_a_file() {
    let file = format!("FileSha256 {SHA256}");
    for reference in ["image_ref", "binary_ref"] {
        makes(&format!("[process:{reference}.hashes.'SHA-256' = '{SHA256}']"), &[&file]);
    }
    noted(&format!("[process:image_ref.hashes.'SHA-256' = '{SHA256}']"), &[Note::AnyUse]);
    skips(
        &format!(
            "[process:image_ref.hashes.'SHA-256' = '{SHA256}' AND process:command_line = 'x']"
        ),
        SkipReason::Conjunction,
    );
}

#[test]
fn the_hash_of_an_artifact_or_attachment_is_a_file_by_option() {
    let file = format!("FileSha256 {SHA256}");
    for path in [
        "artifact:hashes",
        "file:content_ref.hashes",
        "email-message:body_multipart[*].body_raw_ref.hashes",
    ] {
        let pattern = format!("[{path}.'SHA-256' = '{SHA256}']");
        skips(&pattern, SkipReason::UnsupportedObject);
        makes_by(&pattern, &[&file], &options().artifact_hashes());
    }
}

#[test]
fn a_certificates_sha_1_is_its_thumbprint() {
    let thumbprint = format!("CertificateThumbprint {SHA1}");
    makes(&format!("[x509-certificate:hashes.'SHA-1' = '{SHA1}']"), &[&thumbprint]);
    noted(&format!("[x509-certificate:hashes.sha1 = '{SHA1}']"), &[Note::SignersOnly]);
    let pattern = format!(
        "[x509-certificate:hashes.'SHA-1' = '{SHA1}' AND x509-certificate:issuer = 'CN=x']"
    );
    makes(&pattern, &[&thumbprint]);
    noted(&pattern, &[Note::SignersOnly, Note::HashAlone]);
}

#[test]
fn a_certificates_other_properties_are_skipped() {
    skips(
        &format!("[x509-certificate:hashes.'SHA-256' = '{SHA256}']"),
        SkipReason::UnsupportedHash,
    );
    skips(&format!("[x509-certificate:hashes.MD5 = '{MD5}']"), SkipReason::UnsupportedHash);
    for property in ["serial_number", "issuer", "subject"] {
        skips(&format!("[x509-certificate:{property} = 'x']"), SkipReason::UnsupportedProperty);
    }
}

#[test]
fn the_destination_of_traffic_is_what_its_value_says() {
    makes("[network-traffic:dst_ref.value = '93.184.216.34']", &["IpAddress 93.184.216.34"]);
    makes("[network-traffic:dst_ref.value = 'evil.example']", &["DomainName evil.example"]);
    skips("[network-traffic:dst_port = 443]", SkipReason::UnsupportedProperty);
}

#[test]
fn the_type_of_a_destination_is_redundant_where_it_agrees() {
    let both = |kind: &str, value: &str| {
        format!(
            "[network-traffic:dst_ref.type = '{kind}' AND network-traffic:dst_ref.value = '{value}']"
        )
    };
    makes(&both("ipv4-addr", "93.184.216.34"), &["IpAddress 93.184.216.34"]);
    makes(&both("domain-name", "evil.example"), &["DomainName evil.example"]);
    makes(
        "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value ISSUBSET '93.184.216.34/32']",
        &["IpAddress 93.184.216.34"],
    );
    noted(&both("ipv4-addr", "93.184.216.34"), &[Note::OutboundOnly]);
    skips(&both("ipv6-addr", "93.184.216.34"), SkipReason::Contradiction);
    skips(&both("domain-name", "93.184.216.34"), SkipReason::Contradiction);
    skips(&both("ipv4-addr", "evil.example"), SkipReason::Contradiction);
}

#[test]
fn the_source_of_traffic_is_skipped_or_taken_by_option() {
    let alone = "[network-traffic:src_ref.value = '93.184.216.34']";
    let typed = "[network-traffic:src_ref.type = 'ipv4-addr' AND network-traffic:src_ref.value = '93.184.216.34']";
    let taken = options().source_addresses();
    for pattern in [alone, typed] {
        skips(pattern, SkipReason::SourceAddress);
        makes_by(pattern, &["IpAddress 93.184.216.34"], &taken);
        noted_by(pattern, &[Note::OutboundOnly, Note::SourceAddress], &taken);
    }
}

#[test]
fn what_defender_has_no_indicators_of_is_skipped() {
    for path in [
        "email-addr:value",
        "email-message:subject",
        "mutex:name",
        "windows-registry-key:key",
        "process:command_line",
        "user-account:user_id",
        "mac-addr:value",
        "software:name",
        "autonomous-system:name",
        "x-thing:value",
        "directory:path",
    ] {
        skips(&format!("[{path} = 'x']"), SkipReason::UnsupportedObject);
    }
    skips("[file:name = 'evil.exe']", SkipReason::UnsupportedProperty);
}

#[test]
fn a_set_makes_one_each() {
    makes(
        "[domain-name:value IN ('a.example', 'b.example')]",
        &["DomainName a.example", "DomainName b.example"],
    );
    makes("[ipv4-addr:value IN ('93.184.216.34', '10.0.0.1')]", &["IpAddress 93.184.216.34"]);
    noted(
        "[ipv4-addr:value IN ('93.184.216.34', '10.0.0.1')]",
        &[Note::OutboundOnly, Note::BranchesLeftOut],
    );
}

#[test]
fn like_without_wildcards_is_equality() {
    makes("[domain-name:value LIKE 'evil.example']", &["DomainName evil.example"]);
}

#[test]
fn other_comparisons_are_skipped() {
    for test in [
        "domain-name:value LIKE '%.evil.example'",
        "domain-name:value LIKE 'evi_.example'",
        "domain-name:value MATCHES 'evil'",
        "domain-name:value > 'a'",
        "domain-name:value <= 'a'",
        "EXISTS domain-name:value",
        "domain-name:value ISSUBSET 'evil.example'",
    ] {
        skips(&format!("[{test}]"), SkipReason::UnsupportedOperator);
    }
}

#[test]
fn a_negation_is_skipped_and_never_dropped() {
    for test in [
        "domain-name:value != 'evil.example'",
        "domain-name:value NOT = 'evil.example'",
        "domain-name:value NOT IN ('evil.example')",
        "domain-name:value NOT LIKE 'evil.example'",
        "domain-name:value = 'evil.example' AND domain-name:value != 'x.example'",
        "ipv4-addr:value = '93.184.216.34' AND ipv4-addr:value NOT ISSUBSET '10.0.0.0/8'",
    ] {
        skips(&format!("[{test}]"), SkipReason::Negation);
    }
    makes("[domain-name:value NOT != 'evil.example']", &["DomainName evil.example"]);
}

#[test]
fn alternatives_make_their_union_and_tell_what_is_left_out() {
    makes(
        "[domain-name:value = 'a.example' OR url:value = 'http://b.example/x']",
        &["DomainName a.example", "Url http://b.example/x"],
    );
    makes(
        "[domain-name:value = 'a.example'] OR [domain-name:value = 'b.example']",
        &["DomainName a.example", "DomainName b.example"],
    );
    let half = "[domain-name:value = 'a.example' OR mutex:name = 'm']";
    makes(half, &["DomainName a.example"]);
    noted(half, &[Note::BranchesLeftOut, Note::CoversSubdomains]);
    assert_eq!(made(half, &options().all_or_nothing()), Err(SkipReason::InPart));
    skips("[mutex:name = 'm'] OR [mutex:name = 'n']", SkipReason::UnsupportedObject);
}

#[test]
fn of_several_hashes_of_one_file_the_strongest_stands() {
    let pattern = format!(
        "[file:hashes.MD5 = '{MD5}' AND file:hashes.'SHA-256' = '{SHA256}' AND file:hashes.'SHA-1' = '{SHA1}']"
    );
    makes(&pattern, &[&format!("FileSha256 {SHA256}")]);
    noted(&pattern, &[Note::StrongestHash]);
    makes_by(
        &pattern,
        &[&format!("FileSha256 {SHA256}"), &format!("FileSha1 {SHA1}"), &format!("FileMd5 {MD5}")],
        &options().all_hashes(),
    );
    let unsound = format!("[file:hashes.MD5 = '{MD5}' AND file:hashes.'SHA-256' = 'short']");
    skips(&unsound, SkipReason::InvalidValue);
}

#[test]
fn a_hash_with_other_properties_of_the_file_stands_alone() {
    for other in ["file:name = 'evil.exe'", "file:size > 1000", "file:mime_type LIKE '%exe'"] {
        let pattern = format!("[{other} AND file:hashes.'SHA-256' = '{SHA256}']");
        makes(&pattern, &[&format!("FileSha256 {SHA256}")]);
        noted(&pattern, &[Note::HashAlone]);
    }
}

#[test]
fn an_address_with_a_port_is_skipped_or_widened_by_option() {
    let widened = options().widen_network();
    for pattern in [
        "[ipv4-addr:value = '93.184.216.34' AND network-traffic:dst_port = 80]",
        "[network-traffic:dst_ref.value = '93.184.216.34' AND network-traffic:dst_port = 80]",
        "[network-traffic:dst_ref.value = '93.184.216.34' AND network-traffic:protocols[*] = 'tcp']",
        "[network-traffic:dst_ref.value = '93.184.216.34' AND network-traffic:src_ref.value = '93.184.216.35']",
    ] {
        skips(pattern, SkipReason::NetworkDetail);
        makes_by(pattern, &["IpAddress 93.184.216.34"], &widened);
        noted_by(pattern, &[Note::OutboundOnly, Note::NetworkDetailDropped], &widened);
    }
}

#[test]
fn a_domain_with_its_resolution_is_skipped_or_widened_by_option() {
    let pattern = "[domain-name:value = 'evil.example' AND domain-name:resolves_to_refs[*].value = '93.184.216.34']";
    skips(pattern, SkipReason::NetworkDetail);
    let widened = options().widen_network();
    makes_by(pattern, &["DomainName evil.example"], &widened);
    noted_by(pattern, &[Note::CoversSubdomains, Note::NetworkDetailDropped], &widened);
}

#[test]
fn objects_of_different_kinds_in_one_are_skipped() {
    for pattern in [
        format!("[file:hashes.MD5 = '{MD5}' AND mutex:name = 'm']"),
        "[ipv4-addr:value = '93.184.216.34' AND domain-name:value = 'evil.example']".to_owned(),
        "[ipv4-addr:value = '93.184.216.34' AND ipv6-addr:value = '2a00::1']".to_owned(),
        format!("[domain-name:value = 'github.com' AND file:hashes.MD5 = '{MD5}']"),
        "[url:value = 'http://evil.example/a' AND mutex:name = 'm']".to_owned(),
        format!("[file:hashes.MD5 = '{MD5}' AND process:image_ref.hashes.MD5 = '{MD5}']"),
    ] {
        skips(&pattern, SkipReason::Conjunction);
        assert_eq!(
            made(&pattern, &options().widen_network().any_of()),
            Err(SkipReason::Conjunction)
        );
    }
}

#[test]
fn two_values_of_one_property_contradict_each_other() {
    for pattern in [
        "[ipv4-addr:value = '93.184.216.34' AND ipv4-addr:value = '93.184.216.35']".to_owned(),
        format!("[file:hashes.'SHA-256' = '{SHA256}' AND file:hashes.SHA256 = '{SHA256_B}']"),
        format!("[file:name = 'a' AND file:name = 'b' AND file:hashes.MD5 = '{MD5}']"),
        "[domain-name:value IN ('a.example', 'b.example') AND domain-name:value = 'c.example']"
            .to_owned(),
    ] {
        skips(&pattern, SkipReason::Contradiction);
    }
    makes(
        "[domain-name:value IN ('a.example', 'b.example') AND domain-name:value = 'b.example']",
        &["DomainName b.example"],
    );
    let same =
        format!("[file:hashes.MD5 = '{MD5}' AND file:hashes.MD5 = '{}']", MD5.to_uppercase());
    makes(&same, &[&format!("FileMd5 {MD5}")]);
    noted(&same, &[]);
}

#[test]
fn an_and_with_alternatives_below_is_distributed() {
    let pattern = format!(
        "[(file:hashes.'SHA-256' = '{SHA256}' OR file:hashes.'SHA-256' = '{SHA256_B}') AND (file:name = 'a' OR file:name = 'b')]"
    );
    makes(&pattern, &[&format!("FileSha256 {SHA256}"), &format!("FileSha256 {SHA256_B}")]);
    let or: Vec<_> = (0..9).map(|n| format!("file:name = '{n}'")).collect();
    let other: Vec<_> = (0..8).map(|n| format!("file:size = {n}")).collect();
    let many = format!(
        "[({}) AND ({}) AND file:hashes.MD5 = '{MD5}']",
        or.join(" OR "),
        other.join(" OR ")
    );
    skips(&many, SkipReason::TooManyAlternatives);
    let flat: Vec<_> = (0..500).map(|n| format!("domain-name:value = 'd{n}.example'")).collect();
    assert_eq!(made(&format!("[{}]", flat.join(" OR ")), &options()).unwrap().len(), 500);
}

#[test]
fn sightings_that_belong_together_are_skipped_or_taken_each_by_option() {
    let any = options().any_of();
    for (joint, reason) in
        [("AND", SkipReason::SeveralObservations), ("FOLLOWEDBY", SkipReason::FollowedBy)]
    {
        let pattern =
            format!("[domain-name:value = 'a.example'] {joint} [domain-name:value = 'b.example']");
        skips(&pattern, reason);
        makes_by(&pattern, &["DomainName a.example", "DomainName b.example"], &any);
        noted_by(&pattern, &[Note::CoversSubdomains, Note::AnyOf], &any);
        skips(&format!("({pattern}) WITHIN 5 SECONDS"), reason);
        skips(&format!("({pattern}) REPEATS 1 TIMES"), reason);
    }
}

#[test]
fn one_sighting_takes_no_time() {
    makes("[domain-name:value = 'a.example'] WITHIN 5 SECONDS", &["DomainName a.example"]);
    makes("[domain-name:value = 'a.example'] REPEATS 1 TIMES", &["DomainName a.example"]);
    makes(
        "([domain-name:value = 'a.example'] OR [domain-name:value = 'b.example']) WITHIN 5 SECONDS",
        &["DomainName a.example", "DomainName b.example"],
    );
    noted("[domain-name:value = 'a.example'] WITHIN 5 SECONDS", &[Note::CoversSubdomains]);
}

#[test]
fn repeated_sightings_are_skipped_or_taken_once_by_option() {
    let pattern = "[domain-name:value = 'a.example'] REPEATS 5 TIMES WITHIN 60 SECONDS";
    skips(pattern, SkipReason::Repeats);
    let once = options().widen_repeats();
    makes_by(pattern, &["DomainName a.example"], &once);
    noted_by(pattern, &[Note::CoversSubdomains, Note::RepeatsDropped], &once);
    skips("[domain-name:value = 'a.example'] REPEATS 0 TIMES", SkipReason::Repeats);
}

#[test]
fn a_time_frame_holds_and_ends() {
    use crate::made::{indicator, plan};
    use defender_response::stix::{Cause, Fate};

    let pattern = |start: &str, stop: &str| {
        format!(
            "[domain-name:value = 'a.example'] START t'{start}T00:00:00Z' STOP t'{stop}T00:00:00Z'"
        )
    };
    let inside = plan(&[indicator(1, &pattern("2026-01-01", "2026-11-01"))], &options());
    assert_eq!(inside.indicators()[0].expires.to_string(), "2026-11-01T00:00:00Z");
    skips(&pattern("2026-10-02", "2026-11-01"), SkipReason::NotYetValid);
    skips(&pattern("2026-11-01", "2026-10-02"), SkipReason::Contradiction);
    let over = plan(&[indicator(1, &pattern("2026-01-01", "2026-10-01"))], &options());
    assert!(matches!(over.sources()[0].fate, Fate::Withdrawn { cause: Cause::Expired, .. }));
    assert_eq!(over.withdrawals()[0].value, "a.example");
    let half =
        format!("{} OR [domain-name:value = 'b.example']", pattern("2026-01-01", "2026-02-01"));
    makes(&half, &["DomainName b.example"]);
    noted(&half, &[Note::BranchesLeftOut, Note::CoversSubdomains]);
}
