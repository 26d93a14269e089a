"""The pages of the site that its navigation names, in its order."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class NavigationEntry:
    """A page that every page links to."""

    key: str  # what `render_page` calls the active page
    file: str  # in the root of the site
    label: str


NAVIGATION = (
    NavigationEntry(key="overview", file="index.html", label="Overview"),
    NavigationEntry(key="funnel", file="funnel.html", label="Funnel"),
    NavigationEntry(key="costs", file="costs.html", label="Costs"),
    NavigationEntry(key="environments", file="environments.html", label="Environments"),
    NavigationEntry(key="quality", file="quality.html", label="Quality"),
    NavigationEntry(key="rejections", file="rejections.html", label="Rejections"),
    NavigationEntry(key="certificates", file="certificates.html", label="Certificates"),
    NavigationEntry(key="instances", file="instances.html", label="Instances"),
)
