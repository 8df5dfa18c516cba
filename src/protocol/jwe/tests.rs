//! Against the examples of RFC 7516; JWEs of another author's library are in `tests/faces/entra.rs`.

use super::*;

const A1: &str = include_str!("rfc7516-a1.pem");
const A2: &str = include_str!("rfc7516-a2.pem");

/// Appendix A.1: RSA-OAEP and A256GCM.
const EXAMPLE: [&str; 5] = [
    "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ",
    "OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6\
     c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpV\
     LzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKH\
     zg",
    "48V1_ALb6US04U3b",
    "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A",
    "XFBoMYUZodetZdvTiFvSkQ",
];

/// Appendix A.2: RSA1_5 and A128CBC-HS256.
const REFUSED: &str = "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.UGhIOguC7IuEvf_NPVaXsGMoLOmwvc1GyqlIKOK1nN94nHPoltGRhWh\
    w7Zx0-kFm1NJn8LE9XShH59_i8J0PH5ZZyNfGy2xGdULU7sHNF6Gp2vPLgNZ__deLKxGHZ7PcHALUzoOegEI-8E66jX2E4zyJKx-YxzZIItRzC5hlRir\
    b6Y5Cl_p-ko3YvkkysZIFNPccxRU7qve1WYPxqbb2Yw8kZqa2rMWI5ng8OtvzlV7elprCbuPhcCdZ6XDP0_F8rkXds2vE4X-ncOIM8hAYHHi29NX0mcK\
    iRaD0-D-ljQTP-cFPgwCp6X-nZZd9OHBv-B3oWh2TbqmScqXMR4gp_A.AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHX\
    aI9wOGY.9hH0vgRfYgPnAHOd8stkvw";

fn key(pem: &str, id: Option<&str>) -> DecryptionKey {
    DecryptionKey::from_pem(pem.as_bytes(), id).unwrap()
}

fn read(jwe: &str, keys: &[DecryptionKey]) -> Result<String, Refused> {
    open(jwe, keys).map(|text| String::from_utf8(text.to_vec()).unwrap())
}

#[test]
fn the_example_of_the_standard_is_read() {
    let text = "The true sign of intelligence is not knowledge but imagination.".to_owned();
    let jwe = EXAMPLE.join(".");
    assert_eq!(read(&jwe, &[key(A1, None)]), Ok(text.clone()));
    assert_eq!(read(&jwe, &[key(A2, Some("b")), key(A1, Some("a"))]), Ok(text));
    assert_eq!(read(&jwe, &[key(A2, None)]), Err(Refused::Undecipherable));
    assert_eq!(read(&jwe, &[]), Err(Refused::Undecipherable));
}

#[test]
fn the_older_example_is_refused_although_the_key_is_there() {
    assert_eq!(read(REFUSED, &[key(A2, None)]), Err(Refused::Algorithm));
}

#[test]
fn one_bit_of_any_part_is_enough() {
    let keys = [key(A1, None)];
    for part in 1..5 {
        let mut parts = EXAMPLE.map(str::to_owned);
        let mut bytes = Base64UrlUnpadded::decode_vec(EXAMPLE[part]).unwrap();
        bytes[3] ^= 1;
        parts[part] = Base64UrlUnpadded::encode_string(&bytes);
        assert_eq!(read(&parts.join("."), &keys), Err(Refused::Undecipherable), "part {part}");
        parts[part] = Base64UrlUnpadded::encode_string(&bytes[..bytes.len() - 1]);
        assert_eq!(read(&parts.join("."), &keys), Err(Refused::Undecipherable), "part {part}, shorter");
        parts[part] = String::new();
        assert_eq!(read(&parts.join("."), &keys), Err(Refused::Undecipherable), "part {part}, empty");
    }
}

#[test]
fn the_header_says_how_and_is_part_of_what_the_tag_proves() {
    let headed = |header: &str| {
        let mut parts = EXAMPLE.map(str::to_owned);
        parts[0] = Base64UrlUnpadded::encode_string(header.as_bytes());
        read(&parts.join("."), &[key(A1, None)])
    };
    let cases = [
        (r#"{"enc":"A256GCM","alg":"RSA-OAEP"}"#, Refused::Undecipherable),
        (r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#, Refused::Undecipherable),
        (r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#, Refused::Undecipherable),
        (r#"{"alg":"RSA-OAEP","enc":"A128CBC-HS256"}"#, Refused::Undecipherable),
        (r#"{"alg":"RSA-OAEP","enc":"A256CBC-HS512"}"#, Refused::Undecipherable),
        (r#"{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}"#, Refused::Algorithm),
        (r#"{"alg":"RSA-OAEP","enc":"A256GCM","crit":["exp"],"exp":1}"#, Refused::Algorithm),
        (r#"{"alg":"RSA1_5","enc":"A256GCM"}"#, Refused::Algorithm),
        (r#"{"alg":"dir","enc":"A256GCM"}"#, Refused::Algorithm),
        (r#"{"alg":"none","enc":"A256GCM"}"#, Refused::Algorithm),
        (r#"{"alg":"RSA-OAEP","enc":"none"}"#, Refused::Algorithm),
        (r#"{"alg":"RSA-OAEP"}"#, Refused::Malformed),
        (r#"{"alg":"RSA1_5","alg":"RSA-OAEP","enc":"A256GCM"}"#, Refused::Malformed),
        (r#"{"alg":"RSA-OAEP","enc":"A256GCM","kid":7}"#, Refused::Malformed),
        ("[]", Refused::Malformed),
    ];
    for (header, expected) in cases {
        assert_eq!(headed(header), Err(expected), "{header}");
    }
}

#[test]
fn a_jwe_has_one_shape() {
    let jwe = EXAMPLE.join(".");
    for text in [String::new(), "....".to_owned(), EXAMPLE[..4].join("."), format!("{jwe}."), format!("{jwe}=")] {
        assert_eq!(read(&text, &[key(A1, None)]), Err(Refused::Malformed), "{text}");
    }
}

#[test]
fn keys_that_cannot_decrypt_are_no_keys() {
    let refused = |pem: &str| DecryptionKey::from_pem(pem.as_bytes(), None).unwrap_err();
    let public = A1.replace("PRIVATE", "PUBLIC");
    for (pem, expected) in [
        ("", "there is no private key"),
        (public.as_str(), "there is no private key"),
        (include_str!("../../../tests/tokens/given.pem"), "no RSA key"),
    ] {
        assert!(refused(pem).contains(expected), "{}", refused(pem));
    }
    let bundle = format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{A1}");
    assert!(DecryptionKey::from_pem(bundle.as_bytes(), None).is_ok());
}
