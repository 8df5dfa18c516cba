//! The settings' section about faces, parsed with its places.

use std::str::FromStr;

use http::HeaderName;

use crate::definition::{At, RawFace, RawFaceOption, RawGateway, Surroundings, duration, secret};
use crate::diagnostic::{Code, Fault};
use crate::protocol::{Choice, FACES, Face, Faces, Given, Kind, Mount, Options, is_connector_name};
use crate::secret::Secret;

/// Every face that is declared and in order; all findings are reported at once.
pub(in crate::cli) fn faces(raw: &RawGateway, surroundings: &Surroundings<'_>, faults: &mut Vec<Fault>) -> Faces {
    let mut faces = Faces::default();
    for declared in &raw.faces {
        let Some(mount) = mount(declared, raw, surroundings, faults) else { continue };
        if !faces.mount(&declared.connector.value, mount) {
            let (protocol, connector) = (&declared.protocol.value, &declared.connector.value);
            let message = format!("`{connector}` has a face of protocol `{protocol}` already");
            faults.push(Fault::new(Code::InvalidValue, declared.protocol.span.clone(), message).help("remove one"));
        }
    }
    faces
}

fn mount(
    raw: &RawFace,
    gateway: &RawGateway,
    surroundings: &Surroundings<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Mount> {
    let before = faults.len();
    if !is_connector_name(&raw.connector.value) {
        let message = format!("`{}` cannot be a connector's name", raw.connector.value);
        faults.push(Fault::new(Code::InvalidValue, raw.connector.span.clone(), message));
    }
    let name = &raw.protocol.value;
    let Some(face) = Face::named(name) else {
        let known = FACES.iter().map(|face| face.name);
        let list = known.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let message = format!("`{name}` is no protocol; expected one of {list}");
        faults.push(Fault::new(Code::InvalidValue, raw.protocol.span.clone(), message).did_you_mean(name, known));
        return None;
    };
    let credentials = raw.credentials.as_ref().map_or(Some(face.credentials.clone()), |at| header(at, faults));
    let time = match &raw.timeout {
        Some(at) => duration(at).map_err(|fault| faults.push(fault)).ok(),
        None => Some(face.time),
    };
    let options = options(face, raw, surroundings, faults);
    if faults.len() > before {
        return None;
    }
    match (face.open)(&options) {
        Ok(protocol) => {
            if protocol.gives_tokens() {
                giving_tokens(raw, gateway, faults);
            }
            if protocol.is_discouraged() {
                faults.push(discouraged(raw));
            }
            Some(Mount { protocol, credentials: credentials?, time: time? })
        }
        Err(wrong) => {
            let span = raw.options.get(wrong.option).map_or(&raw.protocol.span, |at| &at.span);
            faults.push(Fault::new(Code::InvalidValue, span.clone(), wrong.message));
            None
        }
    }
}

/// A face that gives tokens signs them with the gateway's keys, and its callers are clients of OAuth.
fn giving_tokens(raw: &RawFace, gateway: &RawGateway, faults: &mut Vec<Fault>) {
    let name = &raw.protocol.value;
    if gateway.tokens.is_none() {
        let message = format!("`{name}` gives tokens, and nothing says in whose name they are signed");
        let fault = Fault::new(Code::MissingKey, raw.protocol.span.clone(), message);
        faults.push(
            fault.help("add `tokens: { issuer: https://… }` with the address by which callers know this gateway"),
        );
    }
    if let Some(at) = &raw.credentials {
        let message = format!("callers of `{name}` prove themselves as clients of OAuth do, so no header can be named");
        faults.push(Fault::new(Code::ConflictingKeys, at.span.clone(), message).help("remove `credentials`"));
    }
}

fn discouraged(raw: &RawFace) -> Fault {
    let message = "the password grant is discouraged: every program on the way sees the user's password";
    Fault::new(Code::DiscouragedGrant, raw.protocol.span.clone(), message).help(
        "use the provider's own hook where it has one (`userbridge connect` lists them)\n\
         or say why it is acceptable here: `options: { accept_discouraged: \"…\" }`",
    )
}

fn header(at: &At<String>, faults: &mut Vec<Fault>) -> Option<HeaderName> {
    let name = HeaderName::from_str(&at.value);
    name.map_err(|_| {
        let message = format!("`{}` is no name of a header", at.value);
        faults.push(
            Fault::new(Code::InvalidValue, at.span.clone(), message)
                .help("write it as in `authorization` or `x-api-key`"),
        );
    })
    .ok()
}

/// The options that the face knows, each of its kind, and none missing.
fn options(face: &Face, raw: &RawFace, surroundings: &Surroundings<'_>, faults: &mut Vec<Fault>) -> Options {
    let mut given = Vec::new();
    for (name, at) in &raw.options {
        let Some(choice) = face.options.iter().find(|choice| choice.name == name) else {
            faults.push(unknown(face, name, at));
            continue;
        };
        let read = match &at.value {
            RawFaceOption::Text(text) => Ok(Given::Text(text.clone())),
            RawFaceOption::List(list) => Ok(Given::List(list.clone())),
            RawFaceOption::Secret(reference) => {
                secret(reference, &at.span, surroundings).map(|text| Given::Secret(Secret::new(text)))
            }
        };
        match read {
            Ok(value) if value.kind() == choice.kind => given.push((name.clone(), value)),
            Ok(_) => faults.push(of_another_kind(choice, at)),
            Err(fault) => faults.push(fault),
        }
    }
    for choice in face.options.iter().filter(|choice| choice.required && !raw.options.contains_key(choice.name)) {
        let message = format!("`{}` needs the option `{}`: {}", face.name, choice.name, choice.about);
        let help = format!("add `options: {{ {}: … }}` with {}", choice.name, choice.kind.as_str());
        faults.push(Fault::new(Code::MissingKey, raw.protocol.span.clone(), message).help(help));
    }
    given.into_iter().collect()
}

fn unknown(face: &Face, name: &str, at: &At<RawFaceOption>) -> Fault {
    let known = face.options.iter().map(|choice| choice.name);
    let message = match face.options {
        [] => format!("`{}` has no options", face.name),
        _ => {
            let list = known.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!("`{}` has no option `{name}`; expected {list}", face.name)
        }
    };
    Fault::new(Code::UnknownKey, at.span.clone(), message).did_you_mean(name, known)
}

fn of_another_kind(choice: &Choice, at: &At<RawFaceOption>) -> Fault {
    let fault =
        Fault::new(Code::InvalidValue, at.span.clone(), format!("`{}` is {}", choice.name, choice.kind.as_str()));
    match choice.kind {
        Kind::Secret => fault.help("secrets come from the environment or a file, never from this file"),
        Kind::Text | Kind::List => fault,
    }
}
