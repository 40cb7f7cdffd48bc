package names

import (
	"testing"
)

// TestChinese and TestJapanese: sentences of our own, some in forms that the
// rules do not know. A share must be found; what is found must be a name.
func TestChinese(t *testing.T) {
	share(t, 0.9, []string{
		"请帮我给[[PERSON|刘建国]]写一封感谢信。",
		"[[PERSON|张丽华]],女,56岁,因胸痛入院。",
		"我叫[[PERSON|陈晓明]],住在上海。",
		"客户[[PERSON|周婷]]反映手机无法开机。",
		"[[PERSON|王]]先生昨天打电话来投诉。",
		"联系人:[[PERSON|赵志强]] 电话稍后补充",
		"尊敬的[[PERSON|孙丽]]女士,您的申请已通过。",
		"甲方:[[PERSON|吴俊杰]];乙方:华岭科技有限公司",
		"昨天[[PERSON|李娜]]和[[PERSON|张伟]]一起去开会。",
		"请通知[[PERSON|郑海燕]]明天上午九点面试。",
		"姓名 [[PERSON|欧阳娜娜]] 性别 女",
		"[[PERSON|黄志明]]\t销售部\t主管",
		"会议记录:[[PERSON|林志玲]]、[[PERSON|徐静]]、[[PERSON|高明亮]]出席。",
		"收件人[[PERSON|马晓东]],地址朝阳区。",
		"患者[[PERSON|何秀珍]]既往有高血压病史。",
		"员工[[PERSON|罗斌]]申请年假三天。",
		"[[PERSON|谢文婷]]的身份证号是多少?",
		"我同事[[PERSON|董洁]]会联系您。",
		"医生[[PERSON|曹建军]]建议手术。",
		"被告[[PERSON|邓超群]]未到庭。",
		"请[[PERSON|冯]]经理签字。",
		"我和[[PERSON|杨雪梅]]是大学同学。",
	}, []string{
		"请写一份关于人工智能的报告,重点分析市场趋势。",
		"北京和上海的天气怎么样?",
		"这个项目的预算金额是多少?单位是万元。",
		"任务已经完成,请安排下周的会议时间。",
		"江苏省南京市的高速公路正在施工。",
		"新华科技有限公司发布了全新产品。",
		"如何安装 Python 并连接数据库?",
		"方法一:先打开设置,再点击高级选项。",
		"国家统计局公布了最新的经济数据。",
		"马上就要放假了,大家注意安全。",
		"李白和杜甫之外,还有哪些诗人?",
	})
}

func TestJapanese(t *testing.T) {
	share(t, 0.85, []string{
		"[[PERSON|高橋]]様、お世話になっております。",
		"担当の[[PERSON|木村]]と申します。",
		"[[PERSON|田中健太]]さんから連絡がありました。",
		"氏名:[[PERSON|渡辺美咲]] 生年月日:1990年",
		"患者:[[PERSON|小林 誠]](62歳)",
		"お客様名 [[PERSON|石川由美子]]",
		"[[PERSON|佐々木]]部長に報告してください。",
		"出席者:[[PERSON|山本裕子]]、[[PERSON|井上大輔]]、[[PERSON|松本亮]]",
		"株式会社みらい [[PERSON|鈴木一郎]]様",
		"昨日、[[PERSON|中島]]さんと[[PERSON|西村]]さんが来ました。",
		"配偶者 [[PERSON|清水陽子]]",
		"[[PERSON|斎藤]]先生の診察を予約したいです。",
		"[[PERSON|藤田翔]]さんの誕生日カードを書いて。",
		"社員の[[PERSON|岡田真由美]]が退職します。",
		"[[PERSON|森田]]です。よろしくお願いします。",
		"差出人:[[PERSON|前田浩二]]",
		"[[PERSON|長谷川恵子]]様",
		"契約者 [[PERSON|村上隆]] 様",
	}, []string{
		"東京の天気を教えてください。",
		"山口県と石川県の人口を比較してください。",
		"この商品の在庫を確認してください。",
		"次のコードを説明してください。",
		"会議の議題をまとめてください。",
		"大阪支店の売上は前年比で増加しました。",
		"上野駅から千葉駅までの行き方は?",
		"田んぼの写真を撮りたいです。",
		"見積書と請求書の違いは何ですか。",
	})
}

func share(t *testing.T, atLeast float64, positives, negatives []string) {
	t.Helper()
	s := suite(t)
	all, found := 0, 0
	for i, text := range append(positives, negatives...) {
		bare, want := parse(t, text)
		var c tally
		missed, wrong := c.add(t, s, bare, want)
		all += len(want)
		found += c.right
		for _, m := range missed {
			t.Logf("text %d: %q is missed", i, bare[m[0]:m[1]])
		}
		if c.right < c.gold && len(missed) == 0 {
			t.Logf("text %d: another span", i)
		}
		for _, m := range wrong {
			t.Errorf("text %d: %q is found", i, bare[m[0]:m[1]])
		}
	}
	t.Logf("%d of %d", found, all)
	if float64(found) < atLeast*float64(all) {
		t.Errorf("%d of %d names are found", found, all)
	}
}
