package manifest

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// How surely the name of a column says what it is.
const (
	own       = iota // it is the name of the field
	surely           // it says just that
	usually          // it says that in most files
	perhaps          // it tells things apart, and may be their name
	unsaid           // only the cells speak for it
	noMeaning        // it says nothing that is known
)

// meaning is what a column may be, by its name.
type meaning struct {
	field field
	rank  int
}

// synonyms are what other systems call the fields, squeezed; the name of a thing
// that also has an id is under the field for the name.
var synonyms = []struct {
	meaning
	words string
}{
	{meaning{endpointName, surely}, "endpoint devicename thingname assetname nameofdevice endpointlabel"},
	{meaning{endpointName, usually}, "name device thing asset unit node host hostname label alias displayname friendlyname " +
		"metername sitename stationname nodename unitname machinename vehiclename equipmentname simname simlabel simalias"},
	{meaning{endpointName, perhaps}, "id ident identifier deviceid thingid assetid assettag assetnumber assetno unitid nodeid hostid " +
		"siteid stationid machineid vehicleid equipmentid equipmentnumber meter meterid meternumber meterno meterserial " +
		"serial serialnumber serialno sn deviceserial deviceserialnumber devicenumber deviceno inventorynumber inventoryno " +
		"licenceplate licenseplate plate externalid externalref reference tag"},
	{meaning{iccid, surely}, "icc iccidnumber iccidno simiccid uicciccid"},
	{meaning{iccid, usually}, "sim simnumber simno simcard simcardnumber simcardno simid simcardid simserial simserialnumber simserialno " +
		"card cardnumber cardno cardid uicc uiccnumber usim"},
	{meaning{planID, surely}, "rateplanid tariffid tariffplanid priceplanid"},
	{meaning{plan, surely}, "planname rateplan rateplanname tariffplan"},
	{meaning{plan, usually}, "tariff tariffname priceplan priceplanname dataplan subscription subscriptionplan bundle"},
	{meaning{serviceProfileID, usually}, "profileid"},
	{meaning{serviceProfile, surely}, "serviceprofilename"},
	{meaning{serviceProfile, usually}, "profile profilename service servicename connectivityprofile"},
	{meaning{apnGroupID, usually}, "apnid apnprofileid pdpid"},
	{meaning{apnGroup, surely}, "apngroupname"},
	{meaning{apnGroup, usually}, "apn apnname apnprofile accesspointname pdp pdpprofile"},
	{meaning{simProductID, usually}, "productid simtypeid"},
	{meaning{simProduct, surely}, "simproductname"},
	{meaning{simProduct, usually}, "product productname simtype cardtype formfactor simformfactor"},
	{meaning{roamingProfile, surely}, "roamingprofilename roamingplan"},
	{meaning{state, surely}, "wantedstate targetstate desiredstate endpointstate endpointstatus"},
	{meaning{state, usually}, "status lifecycle lifecyclestate lifecyclestatus simstate simstatus activationstate activationstatus"},
	{meaning{group, surely}, "groupname devicegroup endpointgroup"},
	{meaning{group, usually}, "type devicetype category class segment kind customergroup"},
}

var meanings = func() map[string]meaning {
	all := map[string]meaning{}
	for _, s := range synonyms {
		for _, word := range strings.Fields(s.words) {
			all[word] = s.meaning
		}
	}
	for f := range fieldCount {
		if f != previousName && f != relink { // which rename, and take SIMs from others: only to the letter
			all[squeeze(f.String())] = meaning{f, surely}
		}
	}
	return all
}()

// meaningOf is what a column may be by its name.
func meaningOf(name string) meaning {
	if f := fieldOf(name); f != noField {
		return meaning{f, own}
	}
	if m, ok := meanings[squeeze(name)]; ok {
		return m
	}
	return meaning{noField, noMeaning}
}

// squeeze leaves of the name of a column what is compared: letters and digits in
// lower case, without a remark in brackets.
func squeeze(name string) string {
	if i := strings.IndexAny(name, "(["); i > 0 {
		name = name[:i]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// fieldless are columns that exports of SIMs have and that no field takes, nor are
// they names of endpoints.
var fieldless = strings.Fields("imsi imei imeisv msisdn phone phonenumber mobile mobilenumber eid ip ipaddress ipv4 ipv6 mac macaddress " +
	"email mail date created createdat createdon updated updatedat modified timestamp time lastseen lastupdate " +
	"lat latitude lon lng long longitude gps coordinates position address street city zip postcode country note notes comment comments remark remarks description url link")

func isFieldless(name string) bool {
	plain := squeeze(name)
	return slices.Contains(fieldless, plain) || strings.HasSuffix(plain, "date") || strings.HasSuffix(plain, "time")
}

// secretive are columns whose cells are shown to nobody: SIM exports have codes
// and keys.
var secretive = regexp.MustCompile(`^(pin|puk|adm|chv|ki|k|op|opc|kic|kid|kik|psk|otp)[0-9]*(code)?$|pass(word|wd|phrase|code)|secret|token|credential|key$|^pincode|^pukcode`)

func isSecretive(name string) bool { return secretive.MatchString(squeeze(name)) }

// family is the field that stands for a field and its twin.
func family(f field) field {
	for _, t := range twins {
		if f == t[1] {
			return t[0]
		}
	}
	return f
}

// idForms are how the platform's ids look (observed), where a name could stand in
// their place.
var idForms = map[field]*regexp.Regexp{
	planID: regexp.MustCompile(`^[0-9]+$`), serviceProfileID: regexp.MustCompile(`^SP_[0-9]+$`), apnGroupID: regexp.MustCompile(`^PDP_[0-9]+$`),
	simProductID: regexp.MustCompile(`^[0-9]+$`), roamingProfileID: regexp.MustCompile(`^[0-9|]+$`),
}
