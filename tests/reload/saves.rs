//! Every way in which programs save a file.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::load::Load;
use super::*;

const PAUSE: Duration = Duration::from_millis(300);

#[test]
fn every_kind_of_save_is_noticed_and_never_an_error() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 0)).start();
    let file = gateway.connectors().join("twin.yaml");
    let load = Load::on(&gateway, "twin");
    for (index, (kind, save)) in KINDS.iter().enumerate() {
        let number = index as u32 + 1;
        save(&file, &numbered("twin", number));
        let started = Instant::now();
        served(&gateway, "twin", number);
        eprintln!("{kind}: {:?}", started.elapsed());
    }
    let seen = load.end();
    assert_eq!(seen.numbers, (0..=KINDS.len() as u32).collect(), "nothing else was ever served");
    assert_eq!(state_of(&gateway, "twin.yaml"), "current");
}

type Save = fn(&Path, &str);

const KINDS: &[(&str, Save)] = &[
    ("in place", |file, text| std::fs::write(file, text).unwrap()),
    ("truncated, and written after a pause", |file, text| {
        std::fs::write(file, "").unwrap();
        std::thread::sleep(PAUSE);
        std::fs::write(file, text).unwrap();
    }),
    ("line by line", |file, text| {
        let mut written = String::new();
        for line in text.split_inclusive('\n') {
            written.push_str(line);
            std::fs::write(file, &written).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
    }),
    ("without `deny` for a moment", |file, text| {
        std::fs::write(file, &text[..text.find("deny:").unwrap()]).unwrap();
        std::thread::sleep(2 * PAUSE);
        std::fs::write(file, text).unwrap();
    }),
    ("cut inside a statement", |file, text| {
        std::fs::write(file, &text[..text.find(" AS name, '").unwrap()]).unwrap();
        std::thread::sleep(2 * PAUSE);
        std::fs::write(file, text).unwrap();
    }),
    ("renamed over", rename_over),
    ("backed up and written anew, as editors do", |file, text| {
        std::fs::rename(file, file.with_extension("yaml~")).unwrap();
        std::thread::sleep(PAUSE);
        std::fs::write(file, text).unwrap();
        std::fs::remove_file(file.with_extension("yaml~")).unwrap();
    }),
    ("deleted and created", |file, text| {
        std::fs::remove_file(file).unwrap();
        std::thread::sleep(2 * PAUSE);
        std::fs::write(file, text).unwrap();
    }),
    ("the directory deleted and created", |file, text| {
        let directory = file.parent().unwrap();
        std::fs::remove_dir_all(directory).unwrap();
        std::thread::sleep(2 * PAUSE);
        std::fs::create_dir(directory).unwrap();
        std::thread::sleep(PAUSE);
        std::fs::write(file, text).unwrap();
    }),
    ("the directory replaced", |file, text| {
        let directory = file.parent().unwrap();
        let (new, old) = (directory.with_extension("new"), directory.with_extension("old"));
        std::fs::create_dir(&new).unwrap();
        std::fs::write(new.join(file.file_name().unwrap()), text).unwrap();
        std::fs::rename(directory, &old).unwrap();
        std::fs::rename(new, directory).unwrap();
        std::fs::remove_dir_all(old).unwrap();
    }),
    ("in place, in the new directory", |file, text| std::fs::write(file, text).unwrap()),
];

/// Lays a directory out as Kubernetes mounts a ConfigMap: the files point into `..data`, which is swapped.
fn swap(mount: &Path, version: &str, files: &[(&str, String)]) {
    let data = mount.join(format!("..{version}"));
    std::fs::create_dir(&data).unwrap();
    for (name, text) in files {
        std::fs::write(data.join(name), text).unwrap();
        private(&data.join(name));
    }
    let link = mount.join("..data_tmp");
    symlink(format!("..{version}"), &link).unwrap();
    let before = std::fs::read_link(mount.join("..data")).ok();
    std::fs::rename(link, mount.join("..data")).unwrap();
    for (name, _) in files {
        // The same link for ever.
        let _ = symlink(Path::new("..data").join(name), mount.join(name));
    }
    if let Some(before) = before {
        std::fs::remove_dir_all(mount.join(before)).unwrap();
    }
}

#[test]
fn a_config_maps_swap_is_noticed() {
    let setup = quiet();
    let mount = setup.folder().join("connectors");
    let token = |token: &str| ("token", token.to_owned());
    let secretive =
        |number| numbered("twin", number).replace("database:", "configuration: { t: { file: token } }\ndatabase:");
    let secretive = |number| secretive(number).replace("AS email", "AS email, {{ configuration.t }} AS nickname");
    swap(&mount, "v0", &[("twin.yaml", secretive(0)), token("one")]);
    let gateway = setup.start();
    let nickname = || gateway.call("twin", "get_user", &json!({ "identifier": "ann" })).user()["nickname"].clone();
    assert_eq!((ask(&gateway, "twin"), nickname()), (0, "one".into()));
    for number in 1..=3 {
        swap(&mount, &format!("v{number}"), &[("twin.yaml", secretive(number)), token("one")]);
        served(&gateway, "twin", number);
    }
    // Only the secret is another one.
    swap(&mount, "v4", &[("twin.yaml", secretive(3)), token("two")]);
    soon(&gateway, "the secret is read again", || nickname() == "two");
    assert_eq!(ask(&gateway, "twin"), 3);
}

#[test]
fn a_symlinked_directory_that_is_pointed_elsewhere_is_noticed() {
    let setup = quiet();
    let folder: PathBuf = setup.folder().to_owned();
    for number in [1, 2, 3] {
        let directory = folder.join(format!("releases/{number}"));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("twin.yaml"), numbered("twin", number)).unwrap();
    }
    std::fs::remove_dir(folder.join("connectors")).unwrap();
    symlink("releases/1", folder.join("connectors")).unwrap();
    let gateway = setup.start();
    let load = Load::on(&gateway, "twin");
    assert_eq!(ask(&gateway, "twin"), 1);
    for number in [2, 3] {
        symlink(format!("releases/{number}"), folder.join("next")).unwrap();
        std::fs::rename(folder.join("next"), folder.join("connectors")).unwrap();
        served(&gateway, "twin", number);
    }
    // And a save behind the link.
    std::fs::write(folder.join("releases/3/twin.yaml"), numbered("twin", 4)).unwrap();
    served(&gateway, "twin", 4);
    load.end();
}

#[test]
fn a_file_behind_a_link_of_its_own_is_noticed() {
    let setup = quiet();
    let directory = setup.folder().join("connectors");
    let (real, link) = (directory.join("versions/real.yaml"), directory.join("twin.yaml"));
    std::fs::create_dir(real.parent().unwrap()).unwrap();
    std::fs::write(&real, numbered("twin", 1)).unwrap();
    symlink("versions/real.yaml", link).unwrap();
    let gateway = setup.start();
    std::fs::write(&real, numbered("twin", 2)).unwrap();
    served(&gateway, "twin", 2);
    rename_over(&real, &numbered("twin", 3));
    served(&gateway, "twin", 3);
}

#[test]
fn a_changed_secret_is_a_changed_definition() {
    let text = numbered("twin", 1).replace("database:", "configuration: { t: { file: ../secrets/token } }\ndatabase:");
    let text = text.replace("AS email", "AS email, {{ configuration.t }} AS nickname");
    let setup = quiet().definition("twin.yaml", &text);
    let secret = setup.folder().join("secrets/token");
    std::fs::create_dir(secret.parent().unwrap()).unwrap();
    rename_over(&secret, "one\n");
    let gateway = setup.start();
    let nickname = || gateway.call("twin", "get_user", &json!({ "identifier": "ann" })).user()["nickname"].clone();
    assert_eq!(nickname(), "one");
    rename_over(&secret, "two\n");
    soon(&gateway, "the secret is read again", || nickname() == "two");
    std::fs::write(&secret, "three\n").unwrap();
    soon(&gateway, "the secret is read again", || nickname() == "three");
    // Without its secret the definition is refused, and mended when the secret is back.
    std::fs::remove_file(&secret).unwrap();
    soon(&gateway, "the definition is refused", || state_of(&gateway, "twin.yaml") == "stale");
    let refused = status_of(&gateway, "twin.yaml")["refused"].to_string();
    assert!(refused.contains("missing-secret") && refused.contains("secrets/token"), "{refused}");
    assert_eq!(nickname(), "three");
    rename_over(&secret, "four\n");
    soon(&gateway, "the secret is read again", || nickname() == "four");
    assert_eq!(state_of(&gateway, "twin.yaml"), "current");
    assert!(!gateway.log().contains("three"), "a secret stands in the log");
}

#[test]
fn a_new_definition_is_served() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 1)).start();
    let reply = gateway.call("other", "get_user", &json!({ "identifier": "ann" }));
    assert_eq!((reply.status, reply.code().as_str()), (503, "unknown_connector"));
    std::fs::write(gateway.connectors().join("other.yml"), numbered("other", 5)).unwrap();
    served(&gateway, "other", 5);
    assert_eq!(ask(&gateway, "twin"), 1);
}

#[test]
fn what_editors_leave_lying_about_is_no_definition() {
    let gateway = quiet().definition("twin.yaml", &numbered("twin", 1)).start();
    for name in [".twin.yaml.swp", ".other.yaml", "other.yaml~", "#other.yaml#", "other.yaml.bak", "other.json"] {
        std::fs::write(gateway.connectors().join(name), numbered("other", 5)).unwrap();
    }
    std::fs::create_dir(gateway.connectors().join("folder.yaml")).unwrap();
    rename_over(&gateway.connectors().join("twin.yaml"), &numbered("twin", 2));
    served(&gateway, "twin", 2);
    assert_eq!(status(&gateway).as_array().unwrap().len(), 1, "{}", status(&gateway));
}
