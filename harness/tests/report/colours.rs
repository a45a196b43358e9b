//! Contrast, computed from the style sheet itself: WCAG 2.2, 4.5 for text and 3 for marks, in both themes.

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../../src/report/report.css");

type Palette = BTreeMap<&'static str, &'static str>;

/// The custom properties of the block that begins with `selector`.
fn palette(selector: &str) -> Palette {
    let (_, rest) = STYLE.split_once(selector).unwrap_or_else(|| panic!("no {selector}"));
    let (block, _) = rest.split_once('}').unwrap();
    block.split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(": ")).collect()
}

fn luminance(colour: &str) -> f64 {
    let hex = colour.strip_prefix('#').unwrap_or_else(|| panic!("{colour} is not a hex colour"));
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

const THEMES: [&str; 2] = [":root {", ":root[data-theme=\"dark\"] {"];

#[test]
fn text_can_be_read() {
    for theme in THEMES {
        let colours = palette(theme);
        for (ink, grounds) in [
            (
                "ink",
                &[
                    "paper",
                    "sheet",
                    "sunk",
                    "ok",
                    "fail",
                    "info",
                    "bad-soft",
                    "unsure-soft",
                    "fault-soft",
                ][..],
            ),
            ("dim", &["paper", "sheet", "sunk", "bad-soft"]),
            ("bad", &["sheet", "bad-soft"]),
            ("good", &["sheet"]),
            ("unsure", &["sheet"]),
            ("accent", &["sheet", "paper"]),
            ("on-seal", &["bad", "good", "unsure"]),
            ("sheet", &["ink"]),
        ] {
            for ground in grounds {
                let ratio = contrast(colours[ink], colours[ground]);
                assert!(ratio >= 4.5, "{theme} {ink} on {ground}: {ratio:.2}");
            }
        }
    }
}

#[test]
fn marks_can_be_told_from_their_ground() {
    for theme in THEMES {
        let colours = palette(theme);
        for mark in ["ok-edge", "fail-edge", "info-edge", "bad", "fault"] {
            for ground in ["sheet", "fault-soft"] {
                let ratio = contrast(colours[mark], colours[ground]);
                assert!(ratio >= 3.0, "{theme} {mark} on {ground}: {ratio:.2}");
            }
        }
    }
}

/// The dark palette is written twice, as a style sheet without a preprocessor must: once for the system, once for the
/// switch.
#[test]
fn both_ways_into_the_dark_are_the_same() {
    let system = palette(":root:not([data-theme=\"light\"]) {");
    assert_eq!(system, palette(":root[data-theme=\"dark\"] {"));
    assert_eq!(system.keys().collect::<Vec<_>>(), palette(":root {").keys().collect::<Vec<_>>());
}
