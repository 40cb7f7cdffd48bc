# METADATA
# title: Images
# description: Images whose content nobody knows stay in-house, but for applications that answer for theirs.
package ostiary.policies.images

import data.images

# METADATA
# title: Images of unknown content stay in-house
# description: |
#   An image is not looked into: a screenshot, an X-ray, a passport. The
#   applications of data.images.applications answer for what theirs show.
# custom:
#   owner: data_protection
route contains {
	"rule": "images_in_house",
	"message": "The request holds an image, which cannot be inspected and may be processed in-house only.",
	"boundary": "internal",
} if {
	image
	not input.principal.application in images.applications
}

# METADATA
# title: Images beside protected data stay in-house
# description: |
#   Whoever answers for it: an image belongs to the text it comes with.
# custom:
#   owner: data_protection
route contains {
	"rule": "images_beside_data",
	"message": "The request holds an image together with protected data, which may be processed in-house only.",
	"boundary": "internal",
} if {
	image
	some group in images.beside
	input.findings.groups[group].count > 0
}

image if input.opaque.kinds.image > 0

# An address of an image is fetched by the provider.
image if "images" in input.request.needs

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("%s is not a list", [key]) if {
	some key in ["applications", "beside"]
	not is_array(object.get(images, key, null))
}

invalid contains sprintf("applications names %q: who is not known answers for nothing", [name]) if {
	some name in images.applications
	name in {"unknown", "other"}
}
