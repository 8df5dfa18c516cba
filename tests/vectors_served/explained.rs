//! `hash explain` with a known password: what it prints is what a definition needs, and everybody logs in with it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Row, World, rows};

/// A row of every label whose verification is quick, by its line.
const LABELS: &[usize] = &[
    2, 4, 8, 13, 34, 44, 46, 48, 52, 110, 117, 129, 132, 141, 145, 148, 150, 152, 154, 156, 159, 164, 167, 171, 389,
    397, 435, 439, 472, 476, 478, 480, 485, 491, 495, 499, 503, 506, 508, 511, 513, 515, 518, 522, 526, 563, 565, 569,
    571, 573, 576, 581, 594, 601, 604, 606, 608, 613, 617, 620, 625, 631, 633, 648, 652, 655, 659, 664, 666, 670, 676,
    685, 688, 708, 716, 726, 730, 735, 738, 740, 742, 744, 746, 752, 755, 764, 766, 772, 774, 788, 804, 806, 808, 810,
    823, 830, 833, 835, 837, 839, 842, 847, 853, 856, 864, 868,
];

/// Applications' own formulas: salts as text, hex and base64, before and after, second salts, rounds, charsets, peppers.
const FORMULAS: &[usize] = &[
    175, 176, 177, 178, 179, 180, 181, 188, 189, 190, 193, 198, 199, 207, 208, 213, 220, 221, 225, 234, 243, 246, 250,
    251, 258, 260, 267, 268, 269, 270, 271, 272, 273, 274, 275, 276, 277, 278, 279, 280, 281, 284, 285, 287, 291, 292,
    294, 295, 296, 297, 298,
];

#[test]
fn what_explain_prints_logs_in() {
    let (mut rows, ..) = rows();
    rows.retain(|row| LABELS.contains(&row.line) || FORMULAS.contains(&row.line));
    assert_eq!(rows.len(), LABELS.len() + FORMULAS.len());
    let next = AtomicUsize::new(0);
    let explained: Vec<(&Row, Result<String, String>)> = std::thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((row, explain(row)));
            }
            done
        };
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut world = World::new(&rows);
    let mut unexplained = String::new();
    for (row, block) in explained {
        match block {
            Err(output) => unexplained.push_str(&format!("line {} {}: {output}\n", row.line, row.label)),
            Ok(block) => {
                // Every site's secret has its own variable here.
                let secret = |input: &str, world: &mut World| {
                    let next = format!("SECRET_{}", world.secrets.len());
                    row.text(input).map(|secret| world.secrets.entry(secret).or_insert(next).clone())
                };
                let pepper = secret("pepper", &mut world).or_else(|| secret("secret", &mut world));
                let key = secret("hmac_key", &mut world).or_else(|| secret("signer_key", &mut world));
                let block = block.replace("PASSWORD_PEPPER", &pepper.unwrap_or_default());
                world.serve(row, &block.replace("PASSWORD_KEY", &key.unwrap_or_default()));
            }
        }
    }
    assert!(unexplained.is_empty(), "{unexplained}");
    world.log_everybody_in(&rows);
}

/// The first block that is printed.
fn explain(row: &Row) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.args(["hash", "explain", "--password-stdin"]).env("SITE", secret(row).unwrap_or_default());
    let given = [
        ("salt", row.salt()),
        ("salt2", row.text("salt2")),
        ("user", row.text("user").or(row.text("user_id"))),
        ("realm", row.text("realm")),
        ("algorithm", row.algorithm()),
        ("pepper", row.text("pepper").or(row.text("secret")).map(|_| "env:SITE".to_owned())),
        ("key", row.text("hmac_key").or(row.text("signer_key")).map(|_| "env:SITE".to_owned())),
    ];
    for (key, value) in given {
        command.args(value.map(|value| format!("--set={key}={value}")));
    }
    command.arg("--").arg(row.stored).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(row.password.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        return Err(text + &String::from_utf8_lossy(&output.stderr));
    }
    assert!(secret(row).is_none_or(|secret| !text.contains(&secret)), "the secret is printed");
    Ok(text.lines().take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect())
}

fn secret(row: &Row) -> Option<String> {
    ["pepper", "secret", "hmac_key", "signer_key"].into_iter().find_map(|key| row.text(key))
}
